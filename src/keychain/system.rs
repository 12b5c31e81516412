//! The operating system's keychain: macOS Keychain, Windows Credential Manager, Secret Service.

use std::sync::mpsc;
use std::time::Duration;

use keyring::{Entry, Error};
use secrecy::{ExposeSecret as _, SecretString};

use crate::domain::{Fault, FaultClass};

/// The service name under which all keys are stored; the account is the provider's id.
const SERVICE: &str = "kiln";

/// How long the person may take to unlock the keychain.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it may take to say that it is there.
const BRIEFLY: Duration = Duration::from_secs(3);

pub(super) fn get(provider: &str) -> Result<Option<SecretString>, Fault> {
    ask(provider, |entry| match entry.get_password() {
        Ok(key) => Ok(Some(SecretString::from(key))),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(error),
    })
}

pub(super) fn set(provider: &str, key: &SecretString) -> Result<(), Fault> {
    let key = key.clone();
    ask(provider, move |entry| entry.set_password(key.expose_secret()))
}

pub(super) fn remove(provider: &str) -> Result<(), Fault> {
    ask(provider, |entry| match entry.delete_credential() {
        Ok(()) | Err(Error::NoEntry) => Ok(()),
        Err(error) => Err(error),
    })
}

/// Looks for an entry that is not there: the keychain has to answer for that, and nobody is asked.
pub(super) fn reach() -> Result<(), Fault> {
    ask_within(BRIEFLY, "kiln doctor looks whether this keychain answers", |entry| match entry.get_password() {
        Ok(_) | Err(Error::NoEntry) => Ok(()),
        Err(error) => Err(error),
    })
}

/// Runs on a thread of its own: the keychain may wait for the person, and its bus client must not
/// run inside somebody's async runtime.
fn ask<T: Send + 'static>(
    provider: &str,
    question: impl FnOnce(&Entry) -> Result<T, Error> + Send + 'static,
) -> Result<T, Fault> {
    ask_within(PATIENCE, provider, question)
}

fn ask_within<T: Send + 'static>(
    patience: Duration,
    provider: &str,
    question: impl FnOnce(&Entry) -> Result<T, Error> + Send + 'static,
) -> Result<T, Fault> {
    let (answer, answered) = mpsc::channel();
    let account = provider.to_owned();
    let spawned = std::thread::Builder::new().name("keychain".to_owned()).spawn(move || {
        // Nobody listens any more after the timeout; then the answer is of no use.
        answer.send(open(&account).and_then(|entry| question(&entry).map_err(|error| told(&error)))).ok();
    });
    if let Err(error) = spawned {
        return Err(Fault::new(FaultClass::Internal, "the keychain could not be asked").detail(error.to_string()));
    }
    answered.recv_timeout(patience).unwrap_or_else(|_| {
        let sentence = format!("the keychain did not answer within {} s", patience.as_secs());
        Err(Fault::new(FaultClass::Auth, sentence).hint(OTHER_WAYS).retryable())
    })
}

fn open(account: &str) -> Result<Entry, Fault> {
    if let Err(error) = Entry::store_status() {
        return Err(absent(&error.to_string()));
    }
    Entry::new(SERVICE, account).map_err(|error| told(&error))
}

const OTHER_WAYS: &str =
    "set the provider's environment variable, or choose the encrypted file: `kiln keys set --file PROVIDER`";

fn absent(detail: &str) -> Fault {
    Fault::new(FaultClass::Auth, "this machine has no keychain that Kiln can reach").hint(OTHER_WAYS).detail(detail)
}

fn told(error: &Error) -> Fault {
    match error {
        Error::NoDefaultStore => absent(""),
        Error::NoStorageAccess(_) => Fault::new(FaultClass::Auth, "the keychain is locked or was never set up")
            .hint(format!("unlock it and try again; or {OTHER_WAYS}"))
            .retryable(),
        Error::BadEncoding(_) => Fault::new(FaultClass::Auth, "the keychain holds something that is no key")
            .hint("store the key anew with `kiln keys set`"),
        // The error's own words name the store and the account, never the secret.
        other => Fault::new(FaultClass::Auth, "the keychain refused").hint(OTHER_WAYS).detail(other.to_string()),
    }
}
