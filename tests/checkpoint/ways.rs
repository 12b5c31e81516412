//! What a restore does beside what it is told to: nothing.

use std::fs;

use kiln::domain::{ExistingFiles, Moment};
use kiln::workspace::checkpoint::Outcome;

use super::world::{World, differences, link, set_mode};

#[test]
fn what_somebody_else_did_elsewhere_stays_and_the_same_file_asks() {
    let world = World::new();
    world.write("a", "1");
    world.write("b", "1");
    let before = world.take(Moment::BeforeTurn, 1).checkpoint.id;
    world.write("a", "2");
    world.write("new", "by the turn");
    let after = world.take(Moment::AfterTurn, 1).checkpoint.id;
    world.write("b", "mine");
    world.write("own", "mine");
    world.write("new", "mine too");
    let Outcome::Asks(conflict) = world.restore(before, Some(after), ExistingFiles::Keep) else {
        panic!("it did not ask");
    };
    assert_eq!((conflict.paths, conflict.head), (vec!["new".to_owned()], None));
    assert_eq!(world.read("a").as_deref(), Some("2"), "nothing is touched before the answer");
    let Outcome::Done(report) = world.restore(before, Some(after), ExistingFiles::Replace) else { panic!() };
    assert_eq!((world.read("a").as_deref(), world.read("new")), (Some("1"), None));
    assert_eq!((world.read("b").as_deref(), world.read("own").as_deref()), (Some("mine"), Some("mine")));
    // Even what was overwritten on demand is kept.
    world.restored(report.before, Some(report.after));
    assert_eq!(world.read("new").as_deref(), Some("mine too"));
}

#[test]
fn a_rewind_asks_every_time_until_it_is_told() {
    let world = World::new();
    world.write("a", "1");
    let first = world.take(Moment::BeforeTurn, 1).checkpoint.id;
    world.write("a", "2");
    world.take(Moment::AfterTurn, 1);
    world.write("a", "mine");
    for _ in 0..3 {
        let outcome = world.restore(first, None, ExistingFiles::Keep);
        assert!(matches!(outcome, Outcome::Asks(_)), "{outcome:?}");
    }
    assert_eq!(world.read("a").as_deref(), Some("mine"));
}

#[test]
fn a_folder_that_a_program_removed_comes_back_with_all_that_was_in_it() {
    let world = World::new();
    world.write("work/not committed.txt", "days of work");
    world.write("work/deep/more", "and more");
    fs::create_dir(world.at("work/empty")).unwrap();
    link("../../outside", &world.at("work/link"));
    world.write("work/tool.sh", "#!/bin/sh\n");
    set_mode(&world.at("work/tool.sh"), 0o750);
    set_mode(&world.at("work/deep"), 0o555);
    let (old, before) = (world.tree(), world.take(Moment::BeforeCall, 1).checkpoint.id);
    set_mode(&world.at("work/deep"), 0o755);
    fs::remove_dir_all(world.at("work")).unwrap();
    let after = world.take(Moment::AfterTurn, 1).checkpoint;
    assert!(after.changed >= 6);
    world.restored(before, Some(after.id));
    assert_eq!(differences(&world.tree(), &old), Vec::<String>::new());
    set_mode(&world.at("work/deep"), 0o755);
}

#[test]
fn git_is_neither_kept_nor_touched_and_a_moved_head_asks() {
    let world = World::new();
    world.write(".git/HEAD", "ref: refs/heads/main\n");
    world.write(".git/refs/heads/main", "1111\n");
    world.write(".git/index", "dirty");
    world.write("code", "1");
    world.write("vendor/lib/.git/HEAD", "abc\n");
    world.write("vendor/lib/code", "1");
    let before = world.take(Moment::BeforeTurn, 1).checkpoint;
    assert_eq!(before.head.as_deref(), Some("refs/heads/main 1111"));
    assert_eq!(before.files, 2);
    world.write("code", "2");
    fs::remove_file(world.at("vendor/lib/code")).unwrap();
    let after = world.take(Moment::AfterTurn, 1).checkpoint.id;
    world.write(".git/refs/heads/main", "2222\n");
    world.write(".git/index", "after the commit");
    let git = |world: &World| -> Vec<_> {
        world.tree().into_iter().filter(|(path, _)| path.components().any(|part| part.as_os_str() == ".git")).collect()
    };
    let own = git(&world);
    let Outcome::Asks(conflict) = world.restore(before.id, Some(after), ExistingFiles::Keep) else {
        panic!("it did not ask");
    };
    let moved = ("refs/heads/main 1111".to_owned(), "refs/heads/main 2222".to_owned());
    assert_eq!(conflict.head, Some(moved.clone()));
    let Outcome::Done(report) = world.restore(before.id, Some(after), ExistingFiles::Replace) else { panic!() };
    assert_eq!((report.head, git(&world)), (Some(moved), own));
    assert_eq!((world.read("code").as_deref(), world.read("vendor/lib/code").as_deref()), (Some("1"), Some("1")));
}

#[test]
fn files_that_were_ignored_are_still_there_when_the_ignore_file_goes_back() {
    let world = World::new();
    world.write("cache/x", "ignored by nobody yet");
    world.write("secret.env", "KEY=1");
    let before = world.take(Moment::BeforeTurn, 1).checkpoint.id;
    world.write(".gitignore", "cache/\n*.env\n");
    let after = world.take(Moment::AfterTurn, 1).checkpoint.id;
    world.write("cache/made later", "by a program");
    world.restored(before, Some(after));
    assert_eq!(world.read(".gitignore"), None);
    for (path, text) in
        [("cache/x", "ignored by nobody yet"), ("secret.env", "KEY=1"), ("cache/made later", "by a program")]
    {
        assert_eq!(world.read(path).as_deref(), Some(text), "{path}");
    }
}

#[test]
fn links_are_kept_as_links_and_nothing_outside_is_touched() {
    let world = World::new();
    fs::create_dir(world.folder.path().join("outside")).unwrap();
    fs::write(world.folder.path().join("outside/file"), "theirs").unwrap();
    link("..", &world.at("loop"));
    link("self", &world.at("self"));
    world.write("folder/file", "ours");
    let (old, before) = (world.tree(), world.take(Moment::BeforeTurn, 1).checkpoint.id);
    fs::remove_dir_all(world.at("folder")).unwrap();
    link("../outside", &world.at("folder"));
    fs::remove_file(world.at("loop")).unwrap();
    let after = world.take(Moment::AfterTurn, 1).checkpoint.id;
    world.restored(before, Some(after));
    assert_eq!(differences(&world.tree(), &old), Vec::<String>::new());
    assert_eq!(fs::read_to_string(world.folder.path().join("outside/file")).unwrap(), "theirs");
}

#[test]
fn a_store_within_the_project_does_not_keep_itself() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "x").unwrap();
    let limits = kiln::workspace::checkpoint::Limits::default();
    let store = kiln::workspace::checkpoint::Store::new(&folder.path().join("kiln/checkpoints"), folder.path(), limits);
    let world = World::new();
    let occasion = world.occasion(Moment::BeforeTurn, 1);
    store.take(&occasion).unwrap();
    assert_eq!(store.take(&occasion).unwrap().checkpoint.files, 1);
}
