//! A secret on its way to where it is kept. It shows itself to nobody by accident: formatting and
//! serialising it give stars, so a front end on the other side of a wire has to send it another way.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What stands in the place of a secret.
const STARS: &str = "***";

/// A key or a passphrase inside an [`super::Op`].
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps a text; the caller wipes its own copy.
    pub fn new(text: &str) -> Self {
        Self(SecretString::from(text))
    }

    /// The secret for whoever stores or sends it.
    pub fn inner(&self) -> &SecretString {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STARS)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Eq for Secret {}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(STARS)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(SecretString::from(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_formatting_nor_serialising_gives_it_away() {
        let secret = Secret::new("sk-very-secret");
        assert_eq!(format!("{secret:?}"), STARS);
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
        let op = crate::domain::Op::StoreKey {
            provider: "openai".into(),
            key: secret,
            place: crate::domain::survey::KeyPlace::Keychain,
        };
        assert!(!format!("{op:?}{}", serde_json::to_string(&op).unwrap()).contains("very"));
    }
}
