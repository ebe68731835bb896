//! A program without std: reads every built-in profile, plans its memory and passes it over a link.
//!
//! It brings its own panic handler, so the compiler refuses it as soon as any crate below links
//! std, and it has no allocator, so it does not link if any crate below allocates. It takes only
//! the C library's start-up code and memory functions. Exit code 0 means that everything worked;
//! other codes name the step that failed.
#![no_std]
#![no_main]

use core::ffi::{c_char, c_int};
use core::panic::PanicInfo;

use halligan_firmware_profiles::{
    Architecture, Budget, HardwareProbe, Link, ModelShape, built_in, built_in_names, read_profile, select,
};

#[link(name = "c")]
unsafe extern "C" {
    fn abort() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: abort takes nothing and never returns.
    unsafe { abort() }
}

/// The precompiled core library names this symbol in its unwind tables. Nothing calls it, since
/// this program is compiled with `panic = "abort"`.
// SAFETY: no other item of the program has this name.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// The C library's start-up code calls this symbol.
// SAFETY: no other item of the program has this name.
#[unsafe(no_mangle)]
extern "C" fn main(_count: c_int, _arguments: *const *const c_char) -> c_int {
    match run() {
        Ok(()) => 0,
        Err(step) => step,
    }
}

fn run() -> Result<(), c_int> {
    let model = ModelShape { model_bytes: 12 << 20, layers: 6, kv_heads: 8, head_dim: 32 };
    for name in built_in_names() {
        let profile = built_in(name).map_err(|_| 2)?;
        if !Budget::new(&profile, &model, profile.context_tokens, 0).fits() {
            return Err(3);
        }
        let mut line = [0_u8; 1024];
        Link::new(&mut line[..]).send_profile(&profile).map_err(|_| 4)?;
        let received = Link::new(&line[..]).receive_profile().map_err(|_| 5)?;
        if received != profile {
            return Err(6);
        }
    }
    let probe = HardwareProbe::new(2, 4_096, Architecture::X86_64);
    if select(&probe).profile().name != "laptop-cpu" {
        return Err(7);
    }
    match read_profile(&b"{\"wheels\": 4}"[..]) {
        Err(error) if error.field_name() == Some("wheels") => Ok(()),
        _ => Err(8),
    }
}
