//! A process that is killed in the middle of taking, restoring or editing leaves old or new, never a mix,
//! and doing it again completes it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use kiln::domain::{CheckpointId, ExistingFiles, Moment, Occasion, ProjectPath, SessionId, TurnId};
use kiln::workspace::Root;
use kiln::workspace::checkpoint::{Limits, Outcome};

use super::world::{Dice, Thing, World, differences, restore, store, tree};

const FOLDER: &str = "KILN_TEST_FOLDER";
const WORK: &str = "KILN_TEST_WORK";
const FILES: usize = 30;
const KILLS: u64 = 25;

fn text(version: usize) -> String {
    format!("version {version}\n").repeat(3000)
}

fn write_version(root: &Path, version: usize) {
    for file in 0..FILES {
        let folder = root.join(format!("folder{}", file % 4));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("file{file}")), text(version)).unwrap();
    }
}

/// Not a test by itself: what the processes do that the tests below kill.
#[test]
#[ignore = "run by the other tests, in a process of its own"]
fn work_until_killed() {
    let (Ok(folder), Ok(work)) = (std::env::var(FOLDER), std::env::var(WORK)) else { return };
    let folder = Path::new(&folder);
    let (store, root) = (store(folder, Limits::default()), folder.join("project"));
    println!("\nready");
    match work.as_str() {
        "restore" => loop {
            for (target, base) in [(1, 2), (2, 1)] {
                restore(&store, CheckpointId(target), Some(CheckpointId(base)), ExistingFiles::Keep);
            }
        },
        "take" => {
            for version in 1.. {
                write_version(&root, version);
                let label = version.to_string();
                let session = SessionId::generate();
                let moment = Moment::BeforeTurn;
                store.take(&Occasion { moment, session, turn: TurnId(1), call: None, label }).unwrap();
            }
        }
        _ => {
            let root = Root::open(&root).unwrap();
            for version in 1.. {
                root.write(&ProjectPath::parse("edited").unwrap(), text(version).as_bytes()).unwrap();
            }
        }
    }
}

/// Starts the work, waits until it is under way, and kills it at a point that the dice choose.
fn kill_at_work(folder: &Path, work: &str, dice: &mut Dice) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::work_until_killed", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(WORK, work)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "ready"), "the process ended at once");
    // Not to wait for anything: the point of the kill is what is being varied.
    std::thread::sleep(Duration::from_micros(u64::try_from(dice.below(40_000)).unwrap()));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_kill_inside_a_restore_leaves_old_or_new_and_doing_it_again_completes_it() {
    let mut dice = Dice::new(11);
    let world = World::new();
    write_version(&world.root(), 1);
    world.write("only in one/empty", "");
    world.write("becomes a folder", "file");
    let one = (world.tree(), world.take(Moment::BeforeTurn, 1).checkpoint.id);
    write_version(&world.root(), 2);
    std::fs::remove_dir_all(world.at("only in one")).unwrap();
    std::fs::remove_file(world.at("becomes a folder")).unwrap();
    world.write("becomes a folder/deep/file", "two");
    super::world::set_mode(&world.at("becomes a folder"), 0o700);
    let two = (world.tree(), world.take(Moment::AfterTurn, 1).checkpoint.id);
    for round in 0..KILLS {
        kill_at_work(world.folder.path(), "restore", &mut dice);
        for (path, thing) in world.tree() {
            let ours = path.file_name().unwrap().to_string_lossy().starts_with(".kiln-");
            let known = [&one.0, &two.0].iter().any(|tree| tree.get(&path) == Some(&thing));
            // Folders get their modes last.
            assert!(ours || known || matches!(thing, Thing::Folder { .. }), "a mix: {} is {thing:?}", path.display());
        }
        let (wanted, other) = if round % 2 == 0 { (&one, &two) } else { (&two, &one) };
        let report = world.restored(wanted.1, Some(other.1));
        assert_eq!(differences(&world.tree(), &wanted.0), Vec::<String>::new());
        assert!(world.store.get(report.before).is_ok(), "the state before is not kept");
        assert_eq!(world.store.interrupted(), None);
    }
}

#[test]
fn a_kill_inside_taking_leaves_whole_checkpoints_only() {
    let mut dice = Dice::new(12);
    for _ in 0..6 {
        let world = World::new();
        kill_at_work(world.folder.path(), "take", &mut dice);
        let checkpoints = world.store.list().unwrap();
        world.take(Moment::BeforeTurn, 2);
        for checkpoint in checkpoints {
            let outcome = world.restore(checkpoint.id, None, ExistingFiles::Replace);
            assert!(matches!(outcome, Outcome::Done(_)));
            let wanted = text(checkpoint.occasion.label.parse().unwrap()).into_bytes();
            let files: Vec<_> = tree(&world.root()).into_values().filter(|t| matches!(t, Thing::File { .. })).collect();
            assert_eq!(files.len(), FILES);
            assert!(files.iter().all(|file| matches!(file, Thing::File { bytes, .. } if *bytes == wanted)));
        }
    }
}

#[test]
fn a_kill_inside_an_edit_leaves_the_old_bytes_or_the_new_ones() {
    let mut dice = Dice::new(13);
    let world = World::new();
    world.write("edited", &text(0));
    for _ in 0..KILLS {
        kill_at_work(world.folder.path(), "edit", &mut dice);
        let found = world.read("edited").unwrap();
        let version = found.lines().next().unwrap().strip_prefix("version ").unwrap().parse().unwrap();
        assert!(found == text(version), "a mix of versions");
    }
}
