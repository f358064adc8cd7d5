use super::super::{LocalCredentials, load_or_create_credentials};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::thread;

#[test]
fn a_pair_is_made_once_and_only_its_owner_can_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s3-credentials.json");
    let first = load_or_create_credentials(&path).unwrap();
    assert_eq!(first.access_key.len(), 20);
    assert_eq!(first.secret_key.len(), 40);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(load_or_create_credentials(&path).unwrap(), first);
    assert_ne!(LocalCredentials::random(), first);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no half-written file stays");
    assert!(!format!("{first:?}").contains(&first.secret_key));
}

#[test]
fn loose_permissions_are_tightened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s3-credentials.json");
    load_or_create_credentials(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    load_or_create_credentials(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_file_of_something_else_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s3-credentials.json");
    fs::write(&path, "not a key pair").unwrap();
    assert_eq!(load_or_create_credentials(&path).unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    assert_eq!(fs::read_to_string(&path).unwrap(), "not a key pair");
}

#[test]
fn all_of_several_starters_get_one_pair() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s3-credentials.json");
    let pairs: Vec<_> = thread::scope(|scope| {
        let starters: Vec<_> = (0..8).map(|_| scope.spawn(|| load_or_create_credentials(&path).unwrap())).collect();
        starters.into_iter().map(|starter| starter.join().unwrap()).collect()
    });
    assert!(pairs.iter().all(|pair| *pair == pairs[0]));
}
