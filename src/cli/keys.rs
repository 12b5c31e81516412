//! `kiln keys`: set, list, use, rm. Keys are read from a hidden prompt or from standard input, never
//! from an argument.

use std::io::Read as _;

use clap::Subcommand;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::assemble::Inputs;
use super::console::{Console, Stream};
use super::exit::{Exit, Failure};
use crate::config::KeyStorage;
use crate::domain::{Fault, FaultClass};
use crate::keychain::{DEFAULT_NAME, Keys, PASSPHRASE_VARIABLE, Standing, Stored, masked};

/// `kiln keys`. No argument ever carries a key: arguments can be seen by everybody on the machine.
#[derive(Debug, Subcommand)]
pub enum KeysVerb {
    /// Store a key, read from a hidden prompt or from standard input
    Set {
        /// The provider's id, such as `openai`
        provider: String,
        /// A name for it, where the provider has several
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Store it in the encrypted file, not in the keychain
        #[arg(long)]
        file: bool,
    },
    /// List the stored keys: names and places, never values
    List,
    /// Choose which of a provider's keys is used
    Use {
        /// The provider's id, such as `openai`
        provider: String,
        /// The key's name, as `kiln keys list` shows it
        name: String,
    },
    /// Delete a stored key
    Rm {
        /// The provider's id, such as `openai`
        provider: String,
        /// The key's name, where the provider has several
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
}

/// Longest input that is read as a key, in bytes.
const MOST: u64 = 64 * 1024;

/// Runs the verb; no engine is needed.
pub(super) fn run(inputs: &Inputs, verb: &KeysVerb, console: &mut Console) -> Result<Exit, Failure> {
    console.troubles(&inputs.troubles);
    match verb {
        KeysVerb::Set { provider, name, file } => {
            let place = if *file { KeyStorage::File } else { inputs.settings.keys.storage };
            set(&inputs.keys, provider, name.as_deref().unwrap_or(DEFAULT_NAME), place, console)
        }
        KeysVerb::List => list(&inputs.keys, console),
        KeysVerb::Use { provider, name } => {
            inputs.keys.activate(provider, name).map_err(|fault| Failure::new(Exit::NotFound, fault))?;
            console.note(&format!("{provider} uses the key `{name}` from now on"));
            let named = inputs.settings.providers.get(provider).and_then(|row| row.key_name.as_deref());
            if let Some(other) = named.filter(|other| other != name) {
                console.note(&format!("hint: the setting `providers.{provider}.key_name` asks for `{other}` and wins"));
            }
            Ok(Exit::Done)
        }
        KeysVerb::Rm { provider, name } => {
            if inputs.keys.needs_passphrase() && console.input() == Stream::Terminal {
                unlock(&inputs.keys)?;
            }
            let removed = match name {
                Some(name) => inputs.keys.remove_named(provider, name),
                None => inputs.keys.remove(provider),
            };
            if !removed.map_err(config)? {
                return Err(Failure::not_found(
                    format!("no {} is stored for `{provider}`", called(name.as_deref())),
                    "`kiln keys list` names the stored keys",
                ));
            }
            console.note(&format!("the {} of {provider} is deleted", called(name.as_deref())));
            Ok(Exit::Done)
        }
    }
}

/// `key`, or which one.
fn called(name: Option<&str>) -> String {
    match name {
        None | Some(DEFAULT_NAME) => "key".to_owned(),
        Some(name) => format!("key `{name}`"),
    }
}

fn config(fault: Fault) -> Failure {
    Failure::new(Exit::Config, fault)
}

fn set(keys: &Keys, provider: &str, name: &str, place: KeyStorage, console: &mut Console) -> Result<Exit, Failure> {
    let terminal = console.input() == Stream::Terminal;
    let key =
        if terminal { hidden(&format!("{} of {provider} (not shown): ", called(Some(name))))? } else { from_input()? };
    if place == KeyStorage::File && !keys.has_passphrase() && terminal {
        unlock(keys)?;
    }
    let stored = keys.set_named(provider, name, &key, place).map_err(config)?;
    let place = match place {
        KeyStorage::Keychain => "the keychain",
        KeyStorage::File => "the encrypted file",
    };
    let active = keys
        .list()
        .map_err(config)?
        .into_iter()
        .find(|key| key.provider == provider && key.standing == Standing::Active && key.name != name);
    let key = SecretString::from(key.expose_secret().trim());
    console.note(&format!("the {} of {provider} ({}) is stored in {place}", called(Some(name)), masked(&key)));
    if let Stored::OldCopyRemains(why) = stored {
        console.note(&format!("its old copy is not used any more, but could not be deleted: {why}"));
    }
    if let Some(active) = active {
        let change = format!("`kiln keys use {provider} {name}` changes that");
        console.note(&format!("{provider} goes on using the key `{}`; {change}", active.name));
    }
    Ok(Exit::Done)
}

fn list(keys: &Keys, console: &mut Console) -> Result<Exit, Failure> {
    let keys = keys.list().map_err(config)?;
    if keys.is_empty() {
        console.note("no key is stored; store one with `kiln keys set PROVIDER`");
    }
    for key in keys {
        let place = match key.place {
            KeyStorage::Keychain => "keychain",
            KeyStorage::File => "encrypted file",
        };
        let active = match key.standing {
            Standing::Active => "active",
            Standing::Spare => "",
        };
        let line = format!("{:<16} {:<12} ***  {place:<14} {active}", key.provider, key.name);
        console.line(line.trim_end())?;
    }
    Ok(Exit::Done)
}

/// Asks for the passphrase of the encrypted file; twice when there is no file yet.
pub(super) fn unlock(keys: &Keys) -> Result<(), Failure> {
    let first = !keys.has_file();
    let question = if first {
        "new passphrase for the encrypted file of keys: "
    } else {
        "passphrase of the encrypted file of keys: "
    };
    let passphrase = hidden(question)?;
    if first && hidden("the same once more: ")?.expose_secret() != passphrase.expose_secret() {
        let fault = Fault::new(FaultClass::Invalid, "the two passphrases differ")
            .hint(format!("try again, or set `{PASSPHRASE_VARIABLE}`"));
        return Err(config(fault));
    }
    keys.unlock(passphrase).map_err(config)
}

/// Asks for the passphrase of the encrypted file where keys lie in it and somebody can answer.
pub(super) fn unlock_where_needed(inputs: &Inputs, console: &Console) -> Result<(), Failure> {
    let asked = inputs.replay.is_none() && console.input() == Stream::Terminal && inputs.keys.needs_passphrase();
    if asked { unlock(&inputs.keys) } else { Ok(()) }
}

pub(super) fn hidden(question: &str) -> Result<SecretString, Failure> {
    rpassword::prompt_password(question).map(SecretString::from).map_err(|error| {
        config(Fault::new(FaultClass::Invalid, "nothing could be read from the terminal").detail(error.to_string()))
    })
}

fn from_input() -> Result<SecretString, Failure> {
    let mut text = Zeroizing::new(String::new());
    std::io::stdin().lock().take(MOST).read_to_string(&mut text).map_err(|error| {
        config(
            Fault::new(FaultClass::Invalid, "no key could be read from standard input")
                .hint("pipe the key in, such as `kiln keys set openai < FILE`")
                .detail(error.to_string()),
        )
    })?;
    Ok(SecretString::from(text.as_str()))
}
