//! Which column of a table says what.

use regex::Regex;
use serde::{Deserialize, Serialize};

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// UN or NA number.
    Number,
    /// Proper shipping name and other names.
    Name,
    /// Hazard class or division.
    Class,
    /// Packing group.
    PackingGroup,
    /// Labels.
    Labels,
    /// Guide of the Emergency Response Guidebook.
    Guide,
    /// Said along with the entry under its own heading: distances, limits, actions, source.
    Shown,
    /// Kept, and not said: what shippers need.
    Kept,
}

/// A column with its use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnUse {
    /// Its heading.
    pub heading: String,
    /// What it is used for.
    pub role: Role,
}

/// Words by which a heading tells its role, most telling first.
const WORDS: [(Role, &[&str]); 6] = [
    (Role::Guide, &["guide"]),
    (Role::PackingGroup, &["packing group", "pg", "packaging group"]),
    (Role::Labels, &["label", "labels", "label codes", "subsidiary"]),
    (
        Role::Number,
        &[
            "id number",
            "un number",
            "un na",
            "un no",
            "un",
            "id no",
            "id",
            "identification number",
            "number",
            "na number",
        ],
    ),
    (Role::Class, &["hazard class", "class or division", "class", "division", "hazard"]),
    (
        Role::Name,
        &[
            "proper shipping name",
            "proper shipping names",
            "shipping name",
            "name of material",
            "name",
            "material",
            "substance",
            "chemical",
            "description",
        ],
    ),
];

/// Words of columns that only shippers need.
const PAPERWORK: [&str; 9] =
    ["symbol", "special provision", "quantity", "stowage", "packaging", "exception", "vessel", "bulk", "erap"];

/// Chooses a use for each column, by its heading, and by its cells where no heading says `number`.
pub fn detect(headings: &[String], rows: &[Vec<String>]) -> Vec<ColumnUse> {
    let plain: Vec<String> = headings.iter().map(|heading| plain(heading)).collect();
    let mut roles: Vec<Option<Role>> = vec![None; headings.len()];
    for (role, words) in WORDS {
        let free = |index: &usize| roles[*index].is_none();
        let columns = || (0..plain.len()).filter(free);
        let chosen = words.iter().find_map(|word| {
            columns().find(|index| plain[*index] == *word).or_else(|| {
                let long = word.len() > 4;
                columns().find(|index| long && plain[*index].contains(word))
            })
        });
        if let Some(index) = chosen {
            roles[index] = Some(role);
        }
    }
    if !roles.contains(&Some(Role::Number)) {
        let number = Regex::new(r"(?i)^(un|na|id)?\s*\d{4}$").expect("a constant pattern should be sound");
        let looks = |index: &usize| {
            let cells: Vec<&str> = rows
                .iter()
                .filter_map(|row| row.get(*index))
                .map(|cell| cell.trim())
                .filter(|cell| !cell.is_empty())
                .collect();
            !cells.is_empty() && cells.iter().filter(|cell| number.is_match(cell)).count() * 5 >= cells.len() * 4
        };
        if let Some(index) = (0..headings.len()).filter(|index| roles[*index].is_none()).find(looks) {
            roles[index] = Some(Role::Number);
        }
    }
    headings
        .iter()
        .zip(&plain)
        .zip(roles)
        .map(|((heading, plain), role)| ColumnUse {
            heading: heading.split_whitespace().collect::<Vec<_>>().join(" "),
            role: role.unwrap_or_else(|| {
                let paperwork = PAPERWORK.iter().any(|word| plain.contains(word));
                if paperwork { Role::Kept } else { Role::Shown }
            }),
        })
        .collect()
}

/// Lower-case words.
fn plain(heading: &str) -> String {
    let lower = heading.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(headings: &[&str], row: &[&str]) -> Vec<Role> {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        detect(&own(headings), &[own(row)]).into_iter().map(|column| column.role).collect()
    }

    #[test]
    fn headings_of_common_tables_tell_their_columns() {
        use Role::{Class, Guide, Kept, Labels, Name, Number, PackingGroup, Shown};
        assert_eq!(
            roles(
                &[
                    "id_number",
                    "proper_shipping_names",
                    "hazard_class",
                    "packing_group",
                    "label_codes",
                    "symbols",
                    "stowage"
                ],
                &[]
            ),
            [Number, Name, Class, PackingGroup, Labels, Kept, Kept]
        );
        assert_eq!(
            roles(&["Guide No.", "Name of Material", "ID No.", "Isolation (small)"], &[]),
            [Guide, Name, Number, Shown]
        );
        assert_eq!(roles(&["Stoff", "Nummer", "Name"], &["x", "1017", "Chlorine"]), [Shown, Number, Name]);
    }
}
