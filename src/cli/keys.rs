//! `kiln keys`: set, list, rm. Keys are read from a hidden prompt or from standard input, never
//! from an argument.

use std::io::Read as _;

use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::args::KeysVerb;
use super::assemble::Inputs;
use super::console::{Console, Stream};
use super::exit::{Exit, Failure};
use crate::config::KeyStorage;
use crate::domain::{Fault, FaultClass};
use crate::keychain::{Keys, PASSPHRASE_VARIABLE, masked};

/// Longest input that is read as a key, in bytes.
const MOST: u64 = 64 * 1024;

/// Runs the verb; no engine is needed.
pub(super) fn run(inputs: &Inputs, verb: &KeysVerb, console: &mut Console) -> Result<Exit, Failure> {
    console.troubles(&inputs.troubles);
    match verb {
        KeysVerb::Set { provider, file } => {
            let place = if *file { KeyStorage::File } else { inputs.settings.keys.storage };
            set(&inputs.keys, provider, place, console)
        }
        KeysVerb::List => list(&inputs.keys, console),
        KeysVerb::Rm { provider } => {
            if inputs.keys.needs_passphrase() && console.input() == Stream::Terminal {
                unlock(&inputs.keys)?;
            }
            if !inputs.keys.remove(provider).map_err(config)? {
                return Err(Failure::not_found(
                    format!("no key is stored for `{provider}`"),
                    "`kiln keys list` names the stored keys",
                ));
            }
            console.note(&format!("the key of {provider} is deleted"));
            Ok(Exit::Done)
        }
    }
}

fn config(fault: Fault) -> Failure {
    Failure::new(Exit::Config, fault)
}

fn set(keys: &Keys, provider: &str, place: KeyStorage, console: &mut Console) -> Result<Exit, Failure> {
    let terminal = console.input() == Stream::Terminal;
    let key = if terminal { hidden(&format!("key of {provider} (not shown): "))? } else { from_input()? };
    if place == KeyStorage::File && !keys.has_passphrase() && terminal {
        unlock(keys)?;
    }
    keys.set(provider, &key, place).map_err(config)?;
    let place = match place {
        KeyStorage::Keychain => "the keychain",
        KeyStorage::File => "the encrypted file",
    };
    let key = SecretString::from(key.expose_secret().trim());
    console.note(&format!("the key of {provider} ({}) is stored in {place}", masked(&key)));
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
        console.line(&format!("{:<16} ***  {place}", key.provider))?;
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
