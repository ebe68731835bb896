//! Proof that the crate needs no std: the program of `no-std-proof` compiles with its own panic
//! handler, runs, and takes nothing from outside but start-up code and memory functions.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::path::Path;
use std::process::Command;

/// What a program without std and without an allocator may take from the C library.
const ALLOWED: [&str; 13] = [
    "__libc_start_main",
    "__cxa_finalize",
    "__gmon_start__",
    "_ITM_deregisterTMCloneTable",
    "_ITM_registerTMCloneTable",
    "__stack_chk_fail",
    "abort",
    "bcmp",
    "memcmp",
    "memcpy",
    "memmove",
    "memset",
    "strlen",
];

#[test]
fn proof_program_links_no_std_and_no_allocator_and_runs() {
    // A folder of its own: the build runs while the tests' own one may be in use.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-std-proof");
    let build = Command::new(env!("CARGO"))
        .args(["build", "--release", "--offline", "--bin", "no-std-proof"])
        .args(["--features", "no-std-proof", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .env("CARGO_PROFILE_RELEASE_PANIC", "abort")
        .output()
        .unwrap();
    let talk = String::from_utf8_lossy(&build.stderr);
    assert!(build.status.success(), "{talk}");

    let program = target.join("release/no-std-proof");
    let run = Command::new(&program).status().unwrap();
    assert_eq!(run.code(), Some(0), "the code names the failed step of its main.rs");

    let symbols = Command::new("nm").arg(&program).output().unwrap();
    assert!(symbols.status.success(), "nm of binutils lists the symbols");
    let symbols = String::from_utf8(symbols.stdout).unwrap();
    assert!(symbols.lines().count() > 50, "the program should keep its symbols");
    for line in symbols.lines() {
        let name = line.split_whitespace().last().unwrap_or_default();
        let name = name.split('@').next().unwrap_or_default();
        if line.contains(" U ") || line.contains(" w ") {
            assert!(ALLOWED.contains(&name), "{name} is taken from outside");
        }
        // Both ways in which a compiler writes the crate's name into a symbol.
        for part in ["_3std", "_5alloc", "_ZN3std", "_ZN5alloc"] {
            assert!(!name.contains(part), "{name} is part of std or alloc");
        }
    }
}
