//! A dataset with everything it was made from: its parents, theirs, and so on, the oldest first.

use std::collections::HashSet;
use std::path::Path;

use super::dataset::Dataset;
use super::manifest::Parent;
use super::places::{FoundParent, Places};

/// A dataset of the family.
#[derive(Debug)]
pub struct Member {
    /// What its child says about it; of the youngest, what it says itself.
    pub named: Parent,
    /// Where it is.
    pub found: FoundParent,
}

impl Member {
    /// The dataset, where it is on this disk.
    pub fn dataset(&self) -> Option<&Dataset> {
        match &self.found {
            FoundParent::Here(dataset) => Some(dataset),
            _ => None,
        }
    }
}

/// The dataset and all it descends from, each once; parents come before their children, so the dataset is the last.
pub fn family(dataset: Dataset, places: &Places) -> Vec<Member> {
    let mut members = Vec::new();
    let mut seen = HashSet::new();
    for parent in &dataset.manifest.parents {
        add(parent, &dataset.folder, places, &mut seen, &mut members);
    }
    members.push(Member { named: dataset.as_parent(), found: FoundParent::Here(Box::new(dataset)) });
    members
}

fn add(parent: &Parent, child: &Path, places: &Places, seen: &mut HashSet<String>, members: &mut Vec<Member>) {
    if !seen.insert(parent.manifest_sha256.clone()) {
        return;
    }
    let found = places.parent(child, parent);
    match &found {
        FoundParent::Here(dataset) => {
            for parent in &dataset.manifest.parents {
                add(parent, &dataset.folder, places, seen, members);
            }
        }
        _ => {
            // Its child knows who its parents were.
            for parent in &parent.parents {
                add(parent, child, places, seen, members);
            }
        }
    }
    members.push(Member { named: parent.clone(), found });
}
