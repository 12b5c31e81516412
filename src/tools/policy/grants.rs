//! STUB until the policy lands.
use crate::domain::{Fault, Grant, Scope};
use std::path::Path;
pub struct Grants;
impl Grants {
    pub fn load(_folder: &Path, _root: &Path) -> Self {
        Self
    }
    pub fn list(&self) -> Vec<Grant> {
        Vec::new()
    }
    pub fn add(&mut self, _grant: Grant) -> Result<(), Fault> {
        Ok(())
    }
    pub fn revoke(&mut self, _scope: &Scope) -> Result<(), Fault> {
        Ok(())
    }
}
