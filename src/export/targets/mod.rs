//! The kinds of destinations: one file each, one line each.

use super::Target;

mod folder;
mod zip;

/// All of them, in the order in which they are listed.
pub const TARGETS: &[Target] = &[folder::TARGET, zip::TARGET];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_this_folder_is_in_the_table() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/export/targets");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .filter(|stem| stem != "mod")
            .collect();
        files.sort();
        let mut ids: Vec<&str> = TARGETS.iter().map(|target| target.id).collect();
        ids.sort_unstable();
        assert_eq!(ids, files);
        assert!(TARGETS.iter().all(|target| !target.about.is_empty()));
    }
}
