//! Where keys are kept: the system's keychain, the encrypted file, and which names are stored.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};

use super::Bench;
use crate::config::KeyStorage;
use crate::domain::{Finding, Verdict};
use crate::engine::workplace::blocking;
use crate::keychain::PASSPHRASE_VARIABLE;

pub(super) fn check(bench: Arc<Bench>) -> BoxFuture<'static, Vec<Finding>> {
    async move {
        let looked = {
            let bench = Arc::clone(&bench);
            blocking(move || Ok((bench.workplace.keys.keychain(), bench.workplace.keys.list()))).await
        };
        let (reached, stored) = match looked {
            Ok(looked) => looked,
            Err(fault) => return vec![Finding::from_fault("keychain", Verdict::Fail, &fault)],
        };
        let stored = match stored {
            Ok(stored) => stored,
            Err(fault) => return vec![Finding::from_fault("keys", Verdict::Fail, &fault)],
        };
        let in_keychain = stored.iter().filter(|key| key.place == KeyStorage::Keychain).count();
        let in_file = stored.len() - in_keychain;
        let mut found = vec![match reached {
            Ok(()) => Finding::ok("keychain", format!("answers; {} stored", keys(in_keychain))),
            // A keychain that nothing needs is no fault of the machine.
            Err(fault) if in_keychain > 0 => Finding::from_fault("keychain", Verdict::Fail, &fault),
            Err(fault) if in_file > 0 || bench.loaded.settings.keys.storage == KeyStorage::File => {
                Finding::ok("keychain", format!("not used; {}", fault.sentence))
            }
            // The bus's own words say nothing to most people, and nothing is broken yet.
            Err(fault) => Finding { hint: fault.hint, ..Finding::warn("keychain", fault.sentence) },
        }];
        if bench.workplace.keys.has_file() || in_file > 0 {
            found.push(if bench.workplace.keys.has_passphrase() {
                Finding::ok("key file", format!("{} in the encrypted file", keys(in_file)))
            } else {
                Finding::warn("key file", format!("{} in the encrypted file, which is locked", keys(in_file)))
                    .hint(format!("Kiln asks for the passphrase in a terminal; elsewhere set `{PASSPHRASE_VARIABLE}`"))
            });
        }
        found
    }
    .boxed()
}

fn keys(count: usize) -> String {
    match count {
        0 => "no key".to_owned(),
        1 => "1 key".to_owned(),
        count => format!("{count} keys"),
    }
}
