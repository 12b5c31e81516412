//! What the engine may look at and change of this machine, beside sessions: folders, settings,
//! keys. Put together by the composition root, which alone knows how the layers are read.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::config::{Environment, Loaded, Paths};
use crate::domain::{Fault, FaultClass};
use crate::keychain::Keys;
use crate::providers::registry::Registry;

/// Reads all layers of the settings as they stand now.
pub type ReadSettings = Arc<dyn Fn() -> Loaded + Send + Sync>;

/// Makes the registry anew from the settings as they stand now; `None` keeps the one in use, as
/// where a recording answers.
pub type MakeRegistry = Arc<dyn Fn() -> BoxFuture<'static, Result<Option<Arc<Registry>>, Fault>> + Send + Sync>;

/// Folders, environment, settings and keys.
#[derive(Clone)]
pub struct Workplace {
    pub paths: Paths,
    pub environment: Environment,
    pub keys: Arc<Keys>,
    pub settings: ReadSettings,
    pub registry: MakeRegistry,
}

impl fmt::Debug for Workplace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workplace").field("paths", &self.paths).finish_non_exhaustive()
    }
}

impl Workplace {
    /// The variables that would carry a provider's key: the settings' own first.
    pub(super) fn variables(loaded: &Loaded, provider: &str, row: &[String]) -> Vec<String> {
        let own = loaded.settings.providers.get(provider).and_then(|settings| settings.key_env.clone());
        own.into_iter().chain(row.iter().cloned()).collect()
    }
}

/// Runs what may wait for a disk or a keychain off the tasks that answer.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Fault::new(FaultClass::Internal, "the work broke off").detail(error.to_string())),
    }
}

/// The sentence where an engine was started without a workplace.
pub(super) fn without() -> Fault {
    Fault::new(FaultClass::Invalid, "settings and keys cannot be reached from here")
        .hint("use `kiln config` and `kiln keys` on the machine itself")
}
