//! How much is kept, and what it costs.

use std::fs;
use std::time::{Duration, Instant};

use kiln::domain::{ExistingFiles, Moment};
use kiln::workspace::checkpoint::{Limits, Outcome, TreePath};

use super::world::{World, store};

#[test]
fn what_is_too_large_is_named_and_never_removed() {
    let limits = Limits { output_entries: 3, file_bytes: 100, ..Limits::default() };
    let world = World::with_limits(limits);
    world.write(".gitignore", "build/\n");
    world.write("build/small", "x");
    world.write("code", "1");
    let before = world.take(Moment::BeforeTurn, 1).checkpoint;
    assert_eq!(before.uncovered_total, 0, "an ignored folder with little in it is covered");
    for number in 0..5 {
        world.write(&format!("build/{number}"), "output");
    }
    world.write("huge", &"x".repeat(101));
    world.write("code", "2");
    world.write(".gitignore", "");
    let after = world.take(Moment::AfterTurn, 1).checkpoint;
    assert_eq!(after.uncovered_total, 1, "{:?}", after.uncovered);
    assert_eq!((after.uncovered[0].path.as_str(), after.uncovered[0].bytes), ("huge", 101));
    world.write(".gitignore", "build/\n");
    let report = world.restored(before.id, Some(world.take(Moment::AfterTurn, 2).checkpoint.id));
    assert_eq!(world.read("code").as_deref(), Some("1"));
    assert_eq!(world.read("huge").map(|text| text.len()), Some(101));
    assert_eq!(world.read("build/4").as_deref(), Some("output"));
    let left: Vec<String> = report.left.iter().map(ToString::to_string).collect();
    assert_eq!(left, ["build", "huge"]);
}

#[test]
fn what_is_too_large_is_covered_on_demand() {
    let limits = Limits { output_entries: 3, file_bytes: 100, ..Limits::default() };
    let world = World::with_limits(limits);
    for number in 0..9 {
        world.write(&format!("node_modules/{number}"), "fetched");
    }
    world.write("huge", &"x".repeat(200));
    let wanted = [TreePath::new("node_modules"), TreePath::new("huge")].into();
    let before = world.store.take_with(&world.occasion(Moment::BeforeCall, 1), &wanted).unwrap().checkpoint;
    assert_eq!(before.uncovered_total, 0);
    let old = world.tree();
    fs::remove_dir_all(world.at("node_modules")).unwrap();
    fs::remove_file(world.at("huge")).unwrap();
    let after = world.take(Moment::AfterTurn, 1).checkpoint.id;
    world.restored(before.id, Some(after));
    assert_eq!(world.tree(), old);
}

#[test]
fn the_oldest_go_when_there_is_too_much_and_it_is_told() {
    let world = World::with_limits(Limits { max_bytes: 400_000, ..Limits::default() });
    let (mut pruned, mut newest) = (0, None);
    for number in 0..30_u64 {
        world.write("file", &format!("{number:05}").repeat(10_000));
        let taken = world.take(Moment::BeforeTurn, number);
        pruned += taken.pruned.map_or(0, |pruned| {
            assert!(pruned.bytes >= 50_000, "{pruned:?}");
            pruned.checkpoints
        });
        newest = Some(taken.checkpoint.id);
    }
    let kept = world.store.list().unwrap();
    assert_eq!(kept.len() as u64 + pruned, 30);
    assert!((3..=9).contains(&kept.len()), "{} are kept", kept.len());
    for checkpoint in &kept {
        let outcome = world.restore(checkpoint.id, None, ExistingFiles::Replace);
        assert!(matches!(outcome, Outcome::Done(_)));
        assert!(world.read("file").unwrap().starts_with(&format!("{:05}", checkpoint.occasion.turn.0)));
    }
    assert!(world.store.get(newest.unwrap()).is_ok());
}

#[test]
fn the_old_go_by_age_and_a_pruned_number_is_not_given_again() {
    let world = World::with_limits(Limits { max_age: Duration::ZERO, ..Limits::default() });
    for turn in 1..=4 {
        world.write("file", &turn.to_string());
        world.take(Moment::BeforeTurn, turn);
    }
    // Age is counted in whole seconds, so none is old yet; a clock that ran ahead makes none older either.
    assert!(world.store.list().unwrap().len() >= 3);
    let last = world.take(Moment::BeforeTurn, 5).checkpoint.id;
    assert_eq!(last.0, 5);
}

#[test]
fn two_kilns_take_turns_on_one_project() {
    let world = World::new();
    world.write("file", "x");
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let store = store(world.folder.path(), Limits::default());
            let occasion = world.occasion(Moment::BeforeTurn, thread);
            std::thread::spawn(move || (0..5).map(|_| store.take(&occasion).unwrap().checkpoint.id).collect::<Vec<_>>())
        })
        .collect();
    let mut ids: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids.iter().map(|id| id.0).collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
}

#[test]
fn only_what_changed_is_read_again() {
    let world = World::new();
    for folder in 0..100 {
        let path = world.at(&format!("folder{folder}"));
        fs::create_dir(&path).unwrap();
        for file in 0..100 {
            fs::write(path.join(format!("file{file}")), format!("{folder} {file}")).unwrap();
        }
    }
    assert_eq!(world.take(Moment::BeforeTurn, 1).read, 10_000);
    // Files written just before the first look are not trusted once; then nothing is read.
    let mut rounds = 0;
    while world.take(Moment::BeforeTurn, 1).read > 0 {
        rounds += 1;
        assert!(rounds < 50, "the files are read again and again");
    }
    for file in 0..10 {
        world.write(&format!("folder7/file{file}"), "changed");
    }
    let begin = Instant::now();
    let taken = world.take(Moment::BeforeTurn, 2);
    let took = begin.elapsed();
    assert_eq!((taken.read, taken.checkpoint.changed, taken.checkpoint.files), (10, 10, 10_000));
    let begin = Instant::now();
    let walked = super::world::tree(&world.root()).len();
    println!("checkpoint {took:?}, reading a tree of {walked} {:?}", begin.elapsed());
}

#[test]
fn a_damaged_store_says_so_and_touches_nothing() {
    let world = World::new();
    world.write("a", "1");
    let first = world.take(Moment::BeforeTurn, 1).checkpoint.id;
    world.write("a", "2");
    let second = world.take(Moment::AfterTurn, 1).checkpoint.id;
    let store = fs::read_dir(world.folder.path().join("data/checkpoints")).unwrap().next().unwrap().unwrap().path();
    let one = kiln::workspace::checkpoint::Digest32::of(b"1").to_string();
    let object = store.join("objects").join(&one[..2]).join(&one[2..]);
    assert!(object.exists());
    for damage in [Some("x"), None] {
        match damage {
            Some(bytes) => fs::write(&object, bytes).unwrap(),
            None => fs::remove_file(&object).unwrap(),
        }
        let wish = super::world::wish(first, Some(second), ExistingFiles::Keep);
        let error = world.store.restore(&wish).unwrap_err();
        assert!(error.to_string().contains("`a`"), "{error}");
        assert_eq!(world.read("a").as_deref(), Some("2"));
    }
    fs::write(store.join("index"), "nonsense").unwrap();
    fs::write(store.join(format!("records/{:010}.json", second.0 + 1)), "{").unwrap();
    let taken = world.take(Moment::BeforeTurn, 2);
    assert!(taken.checkpoint.id > second);
    assert_eq!(world.store.list().unwrap().last().unwrap().id, taken.checkpoint.id);
}
