//! How the program is linked; nothing is generated here.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |variable: &str, value: &str| env::var(variable).is_ok_and(|found| found == value);
    // Loaded at a fixed address, the program needs none of the 57,000 relocations that a movable one
    // pays for before its first line of code: they were half of what `kiln --version` took, and a
    // megabyte of memory. Libraries, stack and heap keep their random places.
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") && is("PROFILE", "release") {
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
}
