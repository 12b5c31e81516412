//! API keys: the environment first, then the operating system's keychain, or an encrypted file
//! where that was chosen.
//!
//! Which keys exist is read from an index of names; the keychain itself is touched only when a key
//! is wanted. Functions block (a keychain may ask the person), so async callers use
//! `spawn_blocking`. This room never prints a key and never writes one in the clear.

mod index;
mod sealed;
mod system;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret as _, SecretString};

use crate::config::{Environment, KeyStorage, Paths};
use crate::domain::{Fault, FaultClass};

/// Where a key came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// This environment variable.
    Environment(String),
    Keychain,
    /// The encrypted file.
    File,
}

impl fmt::Display for KeyOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(variable) => write!(f, "environment variable {variable}"),
            Self::Keychain => f.write_str("keychain"),
            Self::File => f.write_str("encrypted file"),
        }
    }
}

/// A stored key's name and place; never its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    pub provider: String,
    pub place: KeyStorage,
}

/// The variable that carries the passphrase of the encrypted file.
pub const PASSPHRASE_VARIABLE: &str = "KILN_KEYS_PASSPHRASE";

/// Longest key we store, in bytes.
const MAX_KEY: usize = 8192;

/// All keys that Kiln can reach.
pub struct Keys {
    index: PathBuf,
    file: PathBuf,
    environment: Environment,
    passphrase: Mutex<Option<SecretString>>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("index", &self.index).finish_non_exhaustive()
    }
}

impl Keys {
    /// Nothing is read before the first call that needs it.
    pub fn new(paths: &Paths, environment: Environment) -> Self {
        let passphrase = Mutex::new(environment.secret(PASSPHRASE_VARIABLE));
        Self { index: paths.key_index(), file: paths.key_file(), environment, passphrase }
    }

    /// The key of a provider: the first of `variables` that is set, else the stored one.
    ///
    /// Fails when a key is stored but cannot be read now; `Ok(None)` when there is none.
    pub fn find(&self, provider: &str, variables: &[&str]) -> Result<Option<(SecretString, KeyOrigin)>, Fault> {
        for variable in variables {
            if let Some(key) = self.environment.secret(variable) {
                let key = SecretString::from(key.expose_secret().trim());
                return Ok(Some((key, KeyOrigin::Environment((*variable).to_owned()))));
            }
        }
        self.get(provider)
    }

    /// Whether [`Self::find`] has something to look at, without touching the keychain.
    pub fn exists(&self, provider: &str, variables: &[&str]) -> bool {
        variables.iter().any(|variable| self.environment.is_set(variable))
            || self.list().is_ok_and(|keys| keys.iter().any(|key| key.provider == provider))
    }

    /// The stored key of a provider, whatever the environment holds.
    pub fn get(&self, provider: &str) -> Result<Option<(SecretString, KeyOrigin)>, Fault> {
        let Some(place) = index::read(&self.index)?.remove(provider) else { return Ok(None) };
        match place {
            KeyStorage::Keychain => match system::get(provider)? {
                Some(key) => Ok(Some((key, KeyOrigin::Keychain))),
                None => Err(Fault::new(
                    FaultClass::Auth,
                    format!(
                        "the keychain does not give out the key of {provider}: it is locked, or the key was deleted"
                    ),
                )
                .hint(format!("unlock the keychain, or store the key anew with `kiln keys set {provider}`"))),
            },
            KeyStorage::File => {
                let mut keys = sealed::open(&self.file, &self.passphrase()?)?;
                Ok(keys.take(provider).map(|key| (key, KeyOrigin::File)))
            }
        }
    }

    /// Stores a provider's key, in place of one that is there.
    pub fn set(&self, provider: &str, key: &SecretString, place: KeyStorage) -> Result<(), Fault> {
        check_provider(provider)?;
        let key = tidy(key)?;
        let mut names = index::read(&self.index)?;
        match place {
            KeyStorage::Keychain => system::set(provider, &key)?,
            KeyStorage::File => {
                let passphrase = self.passphrase()?;
                let mut keys = sealed::open(&self.file, &passphrase)?;
                keys.put(provider, key);
                sealed::seal(&self.file, &passphrase, &keys)?;
            }
        }
        let old = names.insert(provider.to_owned(), place);
        index::write(&self.index, &names)?;
        match old {
            // The key that is no longer looked at must not stay behind in the other place.
            Some(old) if old != place => self.forget(provider, old),
            _ => Ok(()),
        }
    }

    /// Deletes a provider's stored key; `false` when there was none.
    pub fn remove(&self, provider: &str) -> Result<bool, Fault> {
        let mut names = index::read(&self.index)?;
        let Some(place) = names.remove(provider) else { return Ok(false) };
        self.forget(provider, place)?;
        index::write(&self.index, &names)?;
        Ok(true)
    }

    /// Names and places of all stored keys, by name.
    pub fn list(&self) -> Result<Vec<StoredKey>, Fault> {
        let names = index::read(&self.index)?;
        Ok(names.into_iter().map(|(provider, place)| StoredKey { provider, place }).collect())
    }

    /// Whether the operating system's keychain can be used; the fault says what stands in the way.
    /// Nothing is stored or shown.
    pub fn keychain(&self) -> Result<(), Fault> {
        system::reach()
    }

    /// Whether a key lies in the encrypted file and no passphrase is known yet: a front end that can
    /// ask for it should, before the key is wanted, and hand it to [`Self::unlock`].
    pub fn needs_passphrase(&self) -> bool {
        self.stored_passphrase().is_none()
            && self.list().is_ok_and(|keys| keys.iter().any(|key| key.place == KeyStorage::File))
    }

    /// Whether the encrypted file exists: a first passphrase has to be asked for twice.
    pub fn has_file(&self) -> bool {
        self.file.exists()
    }

    /// Whether a passphrase is known, from the environment or from [`Self::unlock`].
    pub fn has_passphrase(&self) -> bool {
        self.stored_passphrase().is_some()
    }

    /// Takes the passphrase of the encrypted file, checked against it where it exists.
    pub fn unlock(&self, passphrase: SecretString) -> Result<(), Fault> {
        if passphrase.expose_secret().is_empty() {
            return Err(Fault::new(FaultClass::Invalid, "the passphrase is empty").hint("choose one of several words"));
        }
        sealed::open(&self.file, &passphrase)?;
        *self.passphrase.lock().unwrap_or_else(PoisonError::into_inner) = Some(passphrase);
        Ok(())
    }

    fn forget(&self, provider: &str, place: KeyStorage) -> Result<(), Fault> {
        match place {
            KeyStorage::Keychain => system::remove(provider),
            KeyStorage::File => {
                let passphrase = self.passphrase()?;
                let mut keys = sealed::open(&self.file, &passphrase)?;
                keys.take(provider);
                sealed::seal(&self.file, &passphrase, &keys)
            }
        }
    }

    fn stored_passphrase(&self) -> Option<SecretString> {
        self.passphrase.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn passphrase(&self) -> Result<SecretString, Fault> {
        self.stored_passphrase().ok_or_else(|| {
            Fault::new(FaultClass::Auth, "the encrypted file of keys is locked")
                .hint(format!("set `{PASSPHRASE_VARIABLE}`, or start Kiln in a terminal, where it can ask"))
        })
    }
}

/// A key as it may be shown: its last four characters, or nothing of a short one.
pub fn masked(key: &SecretString) -> String {
    let key = key.expose_secret();
    let length = key.chars().count();
    if length < 16 {
        return "***".to_owned();
    }
    let tail: String = key.chars().skip(length - 4).collect();
    match key.split_once('-') {
        Some((head, _)) if head.len() <= 4 && head.chars().all(|c| c.is_ascii_alphabetic()) => {
            format!("{head}-…{tail}")
        }
        _ => format!("…{tail}"),
    }
}

fn check_provider(provider: &str) -> Result<(), Fault> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if provider.is_empty() || provider.len() > 64 || !provider.chars().all(fits) {
        return Err(Fault::new(FaultClass::Invalid, format!("`{}` is no provider's id", provider.escape_debug()))
            .hint("`kiln models list` names the providers, such as `openai` or `anthropic`"));
    }
    Ok(())
}

/// A key without the blanks and line ends that pasting brings.
fn tidy(key: &SecretString) -> Result<SecretString, Fault> {
    let text = key.expose_secret().trim();
    let refuse =
        |why: &str| Err(Fault::new(FaultClass::Invalid, why).hint("paste the key once more, and nothing else"));
    if text.is_empty() {
        return refuse("the key is empty");
    }
    if text.len() > MAX_KEY {
        return refuse("the key is longer than 8192 bytes");
    }
    if !text.chars().all(|c| c.is_ascii_graphic()) {
        return refuse("the key holds blanks or characters that no key has");
    }
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_key_gives_away_four_characters() {
        for (key, shown) in [
            ("short", "***"),
            ("sk-0123456789abcd", "sk-…abcd"),
            ("gsk_0123456789wxyz", "…wxyz"),
            ("0123456789abcdef-x", "…ef-x"),
        ] {
            assert_eq!(masked(&SecretString::from(key)), shown);
        }
    }

    #[test]
    fn keys_are_tidied_or_refused() {
        let tidied = tidy(&SecretString::from(" sk-abc\r\n")).unwrap();
        assert_eq!(tidied.expose_secret(), "sk-abc");
        for bad in ["", "  \n", "two words", "esc\u{1b}[0m", "schlüssel"] {
            assert!(tidy(&SecretString::from(bad)).is_err(), "{bad:?} was taken");
        }
    }
}
