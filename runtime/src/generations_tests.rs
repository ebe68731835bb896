//! Tests of the generations: switching, rolling back, damage and kills.

use super::*;

fn adapter(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, format!("adapter {name}")).unwrap();
    path
}

fn learned<'a>(file: &'a Path, parent: &'a str, learned: &'a [i64]) -> Candidate<'a> {
    Candidate { file, parent, gate_accuracy: Some(0.9), corrected_accuracy: Some(1.0), learned }
}

#[test]
fn rollback_returns_one_step_and_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let kit = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path())).unwrap();
    let store = Generations::new(&home);
    let first = store.install_carried(&adapter(kit.path(), "first")).unwrap();
    assert_eq!((first.origin, first.active), (Origin::Carried, true));
    let file = adapter(kit.path(), "second");
    let second = store.install_learned(&learned(&file, &first.id, &[])).unwrap();
    assert_eq!(store.active().unwrap().id, second.id);
    drop(home);

    let home = Home::open(Some(folder.path())).unwrap();
    let store = Generations::new(&home);
    assert_eq!(store.active().unwrap().id, second.id);
    assert_eq!(store.roll_back().unwrap().id, first.id);
    drop(home);

    let home = Home::open(Some(folder.path())).unwrap();
    let store = Generations::new(&home);
    assert_eq!(store.active().unwrap().id, first.id);
    assert!(matches!(store.roll_back(), Err(AdapterStoreError::NoPrevious)));
    let ids: Vec<String> = store.list().unwrap().into_iter().map(|each| each.id).collect();
    assert_eq!(ids, [BASE.to_owned(), first.id, second.id]);
}

#[test]
fn generations_are_found_by_a_unique_prefix_only() {
    let folder = tempfile::tempdir().unwrap();
    let kit = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path())).unwrap();
    let store = Generations::new(&home);
    let first = store.install_carried(&adapter(kit.path(), "first")).unwrap();
    store.install_carried(&adapter(kit.path(), "second")).unwrap();
    assert_eq!(store.activate(&first.id[..12]).unwrap().id, first.id);
    assert_eq!(store.activate(BASE).unwrap().id, BASE);
    assert_eq!(store.roll_back().unwrap().id, first.id);
    assert!(matches!(store.activate(""), Err(AdapterStoreError::Unknown(_))));
    assert!(matches!(store.activate("xyz"), Err(AdapterStoreError::Unknown(_))));
    assert!(matches!(store.activate("%"), Err(AdapterStoreError::Unknown(_))));
}

#[test]
fn a_damaged_or_missing_adapter_is_noticed_before_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let kit = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path())).unwrap();
    let store = Generations::new(&home);
    let first = store.install_carried(&adapter(kit.path(), "first")).unwrap();
    let second = store.install_carried(&adapter(kit.path(), "second")).unwrap();
    let path = store.verified_file(&first.id).unwrap().unwrap();

    std::fs::write(&path, "adapter fIrst").unwrap();
    assert!(matches!(store.roll_back(), Err(AdapterStoreError::Corrupted { .. })));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(store.roll_back(), Err(AdapterStoreError::Missing { .. })));
    assert_eq!(store.active().unwrap().id, second.id, "a refused rollback changes nothing");
    assert_eq!(store.activate(BASE).unwrap().id, BASE);
}

#[test]
fn a_rejected_candidate_is_listed_with_its_figures_and_never_activated() {
    let folder = tempfile::tempdir().unwrap();
    let kit = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path())).unwrap();
    let store = Generations::new(&home);
    let file = adapter(kit.path(), "forgetful");
    let id = store.record_rejected(&learned(&file, BASE, &[]), "the gate fell").unwrap();
    let listed = store.list().unwrap().remove(1);
    assert_eq!(listed.rejected.as_deref(), Some("the gate fell"));
    assert_eq!(listed.gate_accuracy, Some(0.9));
    assert!(matches!(store.activate(&id), Err(AdapterStoreError::Rejected { .. })));
    assert_eq!(store.active().unwrap().id, BASE);
}

#[test]
fn a_generation_knows_what_its_ancestors_learned() {
    let folder = tempfile::tempdir().unwrap();
    let kit = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path())).unwrap();
    let store = Generations::new(&home);
    let file = adapter(kit.path(), "first");
    let first = store.install_learned(&learned(&file, BASE, &[1, 2])).unwrap();
    let file = adapter(kit.path(), "second");
    let second = store.install_learned(&learned(&file, &first.id, &[3])).unwrap();
    let known = |id: &str| -> i64 {
        home.connection()
            .query_row("SELECT count(*) FROM learned WHERE generation = ?1", [id], |row| row.get(0))
            .unwrap()
    };
    assert_eq!((known(BASE), known(&first.id), known(&second.id)), (0, 2, 3));
}

#[test]
fn an_installation_that_dies_before_its_commit_leaves_the_old_generation_active() {
    let folder = tempfile::tempdir().unwrap();
    let kit = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path())).unwrap();
    let first = Generations::new(&home).install_carried(&adapter(kit.path(), "first")).unwrap();
    // The file is in place, the transaction never ends: what a kill between the two leaves.
    let file = adapter(kit.path(), "second");
    let id = sha256_of_file(&file).unwrap();
    let store = Generations::new(&home);
    copy_atomically(&file, &store.file_of(&id)).unwrap();
    let transaction = home.connection().unchecked_transaction().unwrap();
    transaction.execute("UPDATE activation SET previous = active, active = ?1", [&id]).unwrap();
    std::mem::forget(transaction);
    drop(home);

    let home = Home::open(Some(folder.path())).unwrap();
    let store = Generations::new(&home);
    assert_eq!(store.active().unwrap().id, first.id);
    assert_eq!(store.install_carried(&file).unwrap().id, id, "the same file can come again");
}
