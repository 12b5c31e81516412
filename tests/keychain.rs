//! Promises of the keys: the encrypted file, and the operating system's keychain where
//! `KILN_TEST_SECRET_SERVICE=1` says that a real Secret Service is there to be tested against.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use kiln::config::{Environment, KeyStorage, Paths};
use kiln::keychain::{KeyOrigin, Keys, Standing};
use secrecy::{ExposeSecret as _, SecretString};
use tempfile::TempDir;

#[path = "keychain/leaks.rs"]
mod leaks;

use leaks::files;

const KEY: &str = "sk-test-4f1b2c3d5e6f7a8b9c0d";

fn keys(home: &Path, passphrase: Option<&str>) -> Keys {
    let pairs = passphrase.map(|passphrase| ("KILN_KEYS_PASSPHRASE", passphrase));
    Keys::new(&Paths::below(home), Environment::from_pairs(pairs))
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

/// No file holds the key in any of its forms.
fn assert_key_in_no_file(folder: &Path) {
    assert!(!files(folder).is_empty());
    for file in files(folder) {
        leaks::assert_absent(KEY, &fs::read(&file).unwrap(), &file.display().to_string());
    }
}

#[test]
fn the_encrypted_file_gives_back_what_was_put_in() {
    let home = TempDir::new().unwrap();
    let writer = keys(home.path(), Some("four plain words here"));
    writer.set("openai", &secret(&format!("  {KEY}\n")), KeyStorage::File).unwrap();
    writer.set("groq", &secret("gsk-other"), KeyStorage::File).unwrap();
    assert_key_in_no_file(home.path());

    let reader = keys(home.path(), Some("four plain words here"));
    let (key, origin) = reader.get("openai").unwrap().unwrap();
    assert_eq!((key.expose_secret(), origin), (KEY, KeyOrigin::File));
    assert_eq!(reader.get("groq").unwrap().unwrap().0.expose_secret(), "gsk-other");
    assert!(reader.get("mistral").unwrap().is_none());
    let names: Vec<String> = reader.list().unwrap().into_iter().map(|key| key.provider).collect();
    assert_eq!(names, ["groq", "openai"]);

    assert!(reader.remove("openai").unwrap());
    assert!(!reader.remove("openai").unwrap());
    assert!(keys(home.path(), Some("four plain words here")).get("openai").unwrap().is_none());
}

#[test]
fn a_wrong_passphrase_opens_nothing_and_changes_nothing() {
    let home = TempDir::new().unwrap();
    let paths = Paths::below(home.path());
    keys(home.path(), Some("right")).set("openai", &secret(KEY), KeyStorage::File).unwrap();
    let before = fs::read(paths.key_file()).unwrap();
    let wrong = keys(home.path(), Some("wrong"));
    let said = format!("the passphrase does not open `{}`", paths.key_file().display());
    assert_eq!(wrong.get("openai").unwrap_err().sentence, said);
    assert_eq!(wrong.set("groq", &secret(KEY), KeyStorage::File).unwrap_err().sentence, said);
    assert!(wrong.remove("openai").is_err());
    assert_eq!(fs::read(paths.key_file()).unwrap(), before);

    let locked = keys(home.path(), None);
    assert!(locked.needs_passphrase());
    assert_eq!(locked.get("openai").unwrap_err().sentence, "the encrypted file of keys is locked");
    assert!(locked.unlock(secret("wrong")).is_err());
    assert!(locked.needs_passphrase(), "a wrong passphrase is not kept");
    locked.unlock(secret("right")).unwrap();
    assert_eq!(locked.get("openai").unwrap().unwrap().0.expose_secret(), KEY);
}

#[test]
fn a_damaged_file_is_told_apart_and_never_costs_memory() {
    let home = TempDir::new().unwrap();
    let file = Paths::below(home.path()).key_file();
    keys(home.path(), Some("right")).set("openai", &secret(KEY), KeyStorage::File).unwrap();
    let good = fs::read(&file).unwrap();
    let fresh = || keys(home.path(), Some("right"));
    for length in [0, 7, 20, 60] {
        fs::write(&file, &good[..length]).unwrap();
        assert!(fresh().get("openai").unwrap_err().sentence.contains("cannot be read"), "cut at {length}");
    }
    let mut greedy = good.clone();
    greedy[9..13].copy_from_slice(&u32::MAX.to_le_bytes());
    fs::write(&file, &greedy).unwrap();
    let fault = fresh().get("openai").unwrap_err();
    assert_eq!(fault.detail.as_deref(), Some("its header asks for more work than Kiln ever does"));
    let mut newer = good.clone();
    newer[8] = 2;
    fs::write(&file, &newer).unwrap();
    assert_eq!(fresh().get("openai").unwrap_err().detail.as_deref(), Some("it was written by a newer Kiln"));
    let mut flipped = good;
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(&file, &flipped).unwrap();
    assert!(fresh().get("openai").is_err(), "a changed byte is noticed");
}

#[cfg(unix)]
#[test]
fn files_of_keys_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = TempDir::new().unwrap();
    keys(home.path(), Some("p")).set("openai", &secret(KEY), KeyStorage::File).unwrap();
    let files = files(home.path());
    assert_eq!(files.len(), 2, "{files:?}");
    for file in files {
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
}

#[test]
fn the_environment_comes_first() {
    let home = TempDir::new().unwrap();
    keys(home.path(), Some("p")).set("openai", &secret("stored-key"), KeyStorage::File).unwrap();
    let environment =
        Environment::from_pairs([("SECOND_API_KEY", "from-environment\n"), ("KILN_KEYS_PASSPHRASE", "p")]);
    let keys = Keys::new(&Paths::below(home.path()), environment);
    let (key, origin) = keys.find("openai", &["FIRST_API_KEY", "SECOND_API_KEY"]).unwrap().unwrap();
    assert_eq!(key.expose_secret(), "from-environment");
    assert_eq!(origin, KeyOrigin::Environment("SECOND_API_KEY".to_owned()));
    assert_eq!(keys.find("openai", &["FIRST_API_KEY"]).unwrap().unwrap().1, KeyOrigin::File);
    assert!(keys.exists("openai", &[]) && !keys.exists("groq", &["FIRST_API_KEY"]));
}

#[test]
fn names_and_keys_that_cannot_be_are_refused() {
    let home = TempDir::new().unwrap();
    let keys = keys(home.path(), Some("p"));
    for provider in ["", "Open AI", "../x", "a\u{1b}b"] {
        assert!(keys.set(provider, &secret(KEY), KeyStorage::File).is_err(), "{provider:?}");
    }
    for key in ["", " \n", "a b", "clé"] {
        assert!(keys.set("openai", &secret(key), KeyStorage::File).is_err(), "{key:?}");
    }
    assert!(keys.list().unwrap().is_empty());
}

#[test]
fn a_provider_has_several_keys_and_one_of_them_is_used() {
    let home = TempDir::new().unwrap();
    let keys = keys(home.path(), Some("p"));
    let get = || keys.get("openai").unwrap().unwrap().0.expose_secret().to_owned();
    keys.set_named("openai", "work", &secret("key-of-work"), KeyStorage::File).unwrap();
    assert_eq!(get(), "key-of-work", "the first key is the active one");
    keys.set("openai", &secret("key-of-mine"), KeyStorage::File).unwrap();
    assert_eq!(get(), "key-of-work", "another key changes nothing by itself");
    keys.activate("openai", "default").unwrap();
    assert_eq!(get(), "key-of-mine");
    let named = |name| keys.find_named("openai", Some(name), &[]).map(|key| key.unwrap().0.expose_secret().to_owned());
    assert_eq!(named("work").unwrap(), "key-of-work");
    let missing = named("wrok").unwrap_err();
    assert_eq!(missing.sentence, "no key named `wrok` is stored for openai");
    assert_eq!(missing.hint.as_deref(), Some("it has `default`, `work`; `kiln keys list` shows all"));
    assert!(keys.activate("openai", "wrok").is_err() && keys.activate("groq", "work").is_err());
    let listed: Vec<(String, Standing)> = keys.list().unwrap().into_iter().map(|k| (k.name, k.standing)).collect();
    assert_eq!(listed, [("default".to_owned(), Standing::Active), ("work".to_owned(), Standing::Spare)]);

    let unclear = keys.remove("openai").unwrap_err();
    assert_eq!(unclear.to_string(), "openai has several keys: `default`, `work`");
    assert!(keys.remove_named("openai", "default").unwrap());
    assert_eq!(get(), "key-of-work", "what is left is used");
    assert!(!keys.remove_named("openai", "default").unwrap());
    assert!(keys.remove("openai").unwrap() && keys.get("openai").unwrap().is_none());
    for name in ["", "A", "sk-PASTED-KEY", "a/b", "a b"] {
        let refused = keys.set_named("openai", name, &secret("k"), KeyStorage::File).unwrap_err();
        assert_eq!(refused.to_string(), "this is no name for a key", "{name:?}");
    }
}

#[test]
fn keys_that_were_stored_before_there_were_names_work_on() {
    let home = TempDir::new().unwrap();
    let keys = keys(home.path(), Some("p"));
    keys.set("openai", &secret(KEY), KeyStorage::File).unwrap();
    let index = Paths::below(home.path()).key_index();
    fs::write(&index, r#"{"version": 1, "keys": {"openai": "file"}}"#).unwrap();
    assert_eq!(keys.get("openai").unwrap().unwrap().0.expose_secret(), KEY);
    assert_eq!(keys.get_named("openai", "default").unwrap().unwrap().0.expose_secret(), KEY);
    keys.set_named("openai", "work", &secret("other"), KeyStorage::File).unwrap();
    assert_eq!(keys.get("openai").unwrap().unwrap().0.expose_secret(), KEY);
    fs::write(&index, r#"{"version": 3, "keys": {}}"#).unwrap();
    assert_eq!(keys.list().unwrap_err().detail.as_deref(), Some("it was written by a newer Kiln"));
}

/// Runs `kiln` with this input; `None` for the session bus means that there is none.
fn kiln(home: &Path, arguments: &[&str], input: &str, with_bus: bool) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
    command.args(arguments).env("KILN_HOME", home).env_remove("KILN_KEYS_PASSPHRASE").env("KILN_LOG", "trace");
    if !with_bus {
        command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus").env_remove("XDG_RUNTIME_DIR");
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn without_a_keychain_the_way_out_is_told_and_nothing_is_stored() {
    let home = TempDir::new().unwrap();
    let output = kiln(home.path(), &["keys", "set", "openai"], KEY, false);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{errors}");
    assert!(errors.starts_with("error: this machine has no keychain that Kiln can reach"), "{errors}");
    assert!(
        errors.ends_with(
            "hint: set the provider's environment variable, or choose the encrypted file: \
             `kiln keys set --file PROVIDER`\n"
        ),
        "{errors}"
    );
    assert!(!errors.contains(KEY));
    assert_key_in_no_file(home.path());
    assert!(Keys::new(&Paths::below(home.path()), Environment::default()).list().unwrap().is_empty());
}

#[test]
fn the_file_without_a_passphrase_says_where_it_comes_from() {
    let home = TempDir::new().unwrap();
    let output = kiln(home.path(), &["keys", "set", "--file", "openai"], KEY, false);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: the encrypted file of keys is locked\n\
         hint: set `KILN_KEYS_PASSPHRASE`, or start Kiln in a terminal, where it can ask\n"
    );
}

/// What the system's own tool says about our entry.
fn lookup(provider: &str) -> Option<String> {
    let output =
        Command::new("secret-tool").args(["lookup", "service", "kiln", "username", provider]).output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_key_set_by_kiln_is_read_by_the_systems_own_tool() {
    if std::env::var_os("KILN_TEST_SECRET_SERVICE").is_none() {
        eprintln!("not run: KILN_TEST_SECRET_SERVICE is not set");
        return;
    }
    let home = TempDir::new().unwrap();
    let provider = format!("test-{}", std::process::id());
    let output = kiln(home.path(), &["keys", "set", &provider], &format!("{KEY}\n"), true);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert_eq!(errors, format!("the key of {provider} (sk-…9c0d) is stored in the keychain\n"));
    assert_eq!(lookup(&provider).as_deref(), Some(KEY));
    assert_key_in_no_file(home.path());

    let keys = Keys::new(&Paths::below(home.path()), Environment::default());
    let (key, origin) = keys.get(&provider).unwrap().unwrap();
    assert_eq!((key.expose_secret(), origin), (KEY, KeyOrigin::Keychain));
    // A key with a name is an entry of its own.
    keys.set_named(&provider, "work", &secret("sk-work-0123456789"), KeyStorage::Keychain).unwrap();
    assert_eq!(lookup(&format!("{provider}/work")).as_deref(), Some("sk-work-0123456789"));
    assert!(keys.remove_named(&provider, "work").unwrap());
    assert_eq!(lookup(&format!("{provider}/work")), None);
    let listed = kiln(home.path(), &["keys", "list"], "", true);
    assert_eq!(
        String::from_utf8(listed.stdout).unwrap(),
        format!("{provider:<16} default      ***  keychain       active\n")
    );

    assert_eq!(kiln(home.path(), &["keys", "rm", &provider], "", true).status.code(), Some(0));
    assert_eq!(lookup(&provider), None);
    assert_eq!(kiln(home.path(), &["keys", "rm", &provider], "", true).status.code(), Some(4));
}
