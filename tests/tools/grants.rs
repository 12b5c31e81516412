//! Standing permissions: kept for their owner alone, revoked for good, worth nothing when damaged.

use kiln::domain::{Grant, Lifetime, Scope};
use kiln::tools::policy::Grants;

pub fn grant(scope: Scope, lifetime: Lifetime) -> Grant {
    Grant { scope, lifetime, given: "2026-11-21T10:00:00Z".parse().unwrap(), origin: "asked".into() }
}

fn host(name: &str, lifetime: Lifetime) -> Grant {
    grant(Scope::Host { host: name.into() }, lifetime)
}

#[test]
fn those_of_the_project_are_there_next_time_and_those_of_the_session_are_not() {
    let (data, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = data.path().join("grants");
    let (mut grants, fault) = Grants::load(&folder, root.path());
    assert_eq!(fault, None);
    grants.add(host("a.example", Lifetime::Project)).unwrap();
    grants.add(host("b.example", Lifetime::Session)).unwrap();
    assert_eq!(grants.list().len(), 2);
    let (again, _) = Grants::load(&folder, root.path());
    assert_eq!(again.list(), [host("a.example", Lifetime::Project)]);
    let other = tempfile::tempdir().unwrap();
    assert!(Grants::load(&folder, other.path()).0.list().is_empty());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        for file in std::fs::read_dir(&folder).unwrap() {
            assert_eq!(mode(&file.unwrap().path()), 0o600);
        }
        // The same folder by another name is the same project.
        let link = data.path().join("link");
        std::os::unix::fs::symlink(root.path(), &link).unwrap();
        assert_eq!(Grants::load(&folder, &link).0.list().len(), 1);
    }
}

#[test]
fn what_one_session_revokes_another_does_not_bring_back() {
    let (data, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut one, _) = Grants::load(data.path(), root.path());
    one.add(host("a.example", Lifetime::Project)).unwrap();
    let (mut two, _) = Grants::load(data.path(), root.path());
    assert!(one.revoke(&Scope::Host { host: "a.example".into() }).unwrap());
    assert!(!one.revoke(&Scope::Host { host: "a.example".into() }).unwrap());
    two.add(host("b.example", Lifetime::Project)).unwrap();
    assert!(two.for_host("a.example").is_none());
    let (last, _) = Grants::load(data.path(), root.path());
    assert_eq!(last.list(), [host("b.example", Lifetime::Project)]);
}

#[test]
fn a_damaged_file_is_told_counts_nothing_and_is_kept_aside() {
    let (data, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut grants, _) = Grants::load(data.path(), root.path());
    grants.add(host("a.example", Lifetime::Project)).unwrap();
    let file = std::fs::read_dir(data.path()).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    let other_root = String::from_utf8(whole.clone()).unwrap().replace("\"root\": \"", "\"root\": \"/elsewhere");
    for damage in [&b"{"[..], b"", b"\xff\xfe", &whole[..whole.len() / 2], b"[]", other_root.as_bytes()] {
        std::fs::write(&file, damage).unwrap();
        let (mut found, fault) = Grants::load(data.path(), root.path());
        assert!(found.list().is_empty());
        assert!(fault.unwrap().hint.is_some());
        found.add(host("c.example", Lifetime::Project)).unwrap();
        assert_eq!(std::fs::read(file.with_extension("damaged")).unwrap(), damage);
        assert_eq!(Grants::load(data.path(), root.path()).0.list().len(), 1);
    }
}
