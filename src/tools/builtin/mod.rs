//! One tool a file. A new one needs its file, a line here and a line in [`super::TOOLS`].

pub(super) mod apply_patch;
pub(super) mod edit_file;
pub(super) mod fetch_url;
pub(super) mod finish_step;
pub(super) mod glob;
pub(super) mod grep;
pub(super) mod list_files;
mod page;
pub(super) mod read_file;
pub(super) mod set_plan;
pub(super) mod write_file;
