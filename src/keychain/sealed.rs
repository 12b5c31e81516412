//! The encrypted file of keys: Argon2id makes a key of the passphrase, XChaCha20-Poly1305 seals
//! the contents, and the header is sealed with them.
//!
//! Layout: magic 8 bytes, version 1 byte, memory in KiB, passes and lanes as little-endian `u32`,
//! salt 16 bytes, nonce 24 bytes, then the sealed JSON object of provider to key.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, Generate as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::config::write::{atomic, unwritable};
use crate::domain::{Fault, FaultClass};

const MAGIC: &[u8; 8] = b"KILNKEYS";
const VERSION: u8 = 1;
const SALT: usize = 16;
const NONCE: usize = 24;
const HEADER: usize = MAGIC.len() + 1 + 3 * 4 + SALT + NONCE;

/// Cost of a guess: 64 MiB and three passes, about a tenth of a second.
const COST: Cost = Cost { memory_kib: 64 * 1024, passes: 3, lanes: 1 };
/// A header may not ask for more than this, or a planted file could take the machine's memory.
const MOST: Cost = Cost { memory_kib: 1024 * 1024, passes: 32, lanes: 16 };

#[derive(Clone, Copy)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// The contents of the file.
#[derive(Default)]
pub(super) struct SealedKeys(BTreeMap<String, SecretString>);

impl SealedKeys {
    pub(super) fn put(&mut self, provider: &str, key: SecretString) {
        self.0.insert(provider.to_owned(), key);
    }

    pub(super) fn take(&mut self, provider: &str) -> Option<SecretString> {
        self.0.remove(provider)
    }
}

/// Opens the file; no file is no keys.
pub(super) fn open(path: &Path, passphrase: &SecretString) -> Result<SealedKeys, Fault> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(SealedKeys::default()),
        Err(error) => return Err(damaged(path).detail(error.to_string())),
    };
    let (header, sealed) = bytes.split_at_checked(HEADER).ok_or_else(|| damaged(path))?;
    let parts = Header::read(header).map_err(|why| damaged(path).detail(why))?;
    let cipher = cipher(passphrase, &parts.salt, parts.cost)?;
    let plain = cipher
        .decrypt(&XNonce::from(parts.nonce), Payload { msg: sealed, aad: header })
        .map(Zeroizing::new)
        .map_err(|_| wrong_passphrase(path))?;
    let keys: BTreeMap<String, SecretText> =
        serde_json::from_slice(&plain).map_err(|error| damaged(path).detail(error.to_string()))?;
    Ok(SealedKeys(keys.into_iter().map(|(provider, key)| (provider, key.0)).collect()))
}

/// Writes the file whole or not at all, under a fresh salt and nonce, mode 0600.
pub(super) fn seal(path: &Path, passphrase: &SecretString, keys: &SealedKeys) -> Result<(), Fault> {
    let (salt, nonce) =
        (<[u8; SALT]>::try_generate().map_err(no_random)?, <[u8; NONCE]>::try_generate().map_err(no_random)?);
    let header = Header { cost: COST, salt, nonce }.write();
    let exposed: BTreeMap<&str, &str> = keys.0.iter().map(|(name, key)| (name.as_str(), key.expose_secret())).collect();
    let internal = |why: String| Fault::new(FaultClass::Internal, "the keys could not be encrypted").detail(why);
    let plain = Zeroizing::new(serde_json::to_vec(&exposed).map_err(|error| internal(error.to_string()))?);
    let sealed = cipher(passphrase, &salt, COST)?
        .encrypt(&XNonce::from(nonce), Payload { msg: &plain, aad: &header })
        .map_err(|error| internal(error.to_string()))?;
    let mut bytes = header;
    bytes.extend_from_slice(&sealed);
    atomic(path, &bytes).map_err(|error| unwritable(path, &error))
}

struct Header {
    cost: Cost,
    salt: [u8; SALT],
    nonce: [u8; NONCE],
}

impl Header {
    fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend_from_slice(MAGIC);
        bytes.push(VERSION);
        for number in [self.cost.memory_kib, self.cost.passes, self.cost.lanes] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.salt);
        bytes.extend_from_slice(&self.nonce);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        const SHORT: &str = "it is cut off";
        let rest = bytes.strip_prefix(MAGIC.as_slice()).ok_or("it is no file of keys")?;
        let (version, rest) = rest.split_first().ok_or(SHORT)?;
        if *version != VERSION {
            return Err("it was written by a newer Kiln");
        }
        let (memory, rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
        let (passes, rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
        let (lanes, rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
        let (salt, rest) = rest.split_first_chunk::<SALT>().ok_or(SHORT)?;
        let (nonce, _) = rest.split_first_chunk::<NONCE>().ok_or(SHORT)?;
        let cost = Cost {
            memory_kib: u32::from_le_bytes(*memory),
            passes: u32::from_le_bytes(*passes),
            lanes: u32::from_le_bytes(*lanes),
        };
        if cost.memory_kib > MOST.memory_kib || cost.passes > MOST.passes || cost.lanes > MOST.lanes {
            return Err("its header asks for more work than Kiln ever does");
        }
        Ok(Self { cost, salt: *salt, nonce: *nonce })
    }
}

fn cipher(passphrase: &SecretString, salt: &[u8], cost: Cost) -> Result<XChaCha20Poly1305, Fault> {
    let internal =
        |why: String| Fault::new(FaultClass::Internal, "the passphrase could not be turned into a key").detail(why);
    let params =
        Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(|e| internal(e.to_string()))?;
    let mut key = Zeroizing::new([0_u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.expose_secret().as_bytes(), salt, key.as_mut_slice())
        .map_err(|error| internal(error.to_string()))?;
    XChaCha20Poly1305::new_from_slice(key.as_slice()).map_err(|error| internal(error.to_string()))
}

/// A key inside the JSON, wrapped as soon as it is read.
struct SecretText(SecretString);

impl<'de> serde::Deserialize<'de> for SecretText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(SecretString::from(text)))
    }
}

fn wrong_passphrase(path: &Path) -> Fault {
    Fault::new(FaultClass::Auth, format!("the passphrase does not open `{}`", path.display()))
        .hint("try again; a forgotten passphrase cannot be recovered: delete the file and store the keys anew")
}

fn damaged(path: &Path) -> Fault {
    Fault::new(FaultClass::Storage, format!("the encrypted file of keys `{}` cannot be read", path.display()))
        .hint("bring it back from a backup, or delete it and store the keys anew with `kiln keys set --file`")
}

fn no_random(error: impl std::fmt::Display) -> Fault {
    Fault::new(FaultClass::Internal, "the system gives no random numbers").detail(error.to_string())
}
