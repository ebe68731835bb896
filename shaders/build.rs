//! Checks every kernel in every variant with naga, so that a WGSL mistake stops the build with its line,
//! and holds the table of kernels (`src/gpu/kernels.rs`) against the sources: bindings, parameters, limits.

#[allow(dead_code, reason = "the crate uses the rest of the table")]
#[path = "src/gpu/kernels.rs"]
mod kernels;

use kernels::{Access, KERNELS, Kernel};
use naga::{
    AddressSpace, StorageAccess,
    valid::{Capabilities, ValidationFlags, Validator},
};

/// Threads of a workgroup and bytes of its memory that every WebGPU device has.
const THREADS_MAX: u32 = 256;
const WORKGROUP_BYTES_MAX: u32 = 16 * 1024;
/// Storage buffers per stage that every WebGPU device has.
const BINDINGS_MAX: usize = 8;
/// Bytes of immediates that all three backends have.
const IMMEDIATE_BYTES_MAX: u32 = 128;

fn main() {
    println!("cargo::rerun-if-changed=wgsl");
    println!("cargo::rerun-if-changed=src/gpu/kernels.rs");
    println!("cargo::rerun-if-changed=build.rs");
    for kernel in KERNELS {
        for variant in 0..kernel.variant_count() {
            if let Err(message) = check(kernel, variant) {
                eprintln!("wgsl/{}.wgsl: {message}", kernel.label(variant));
                std::process::exit(1);
            }
        }
    }
}

fn check(kernel: &Kernel, variant: usize) -> Result<(), String> {
    let source = kernel.compose(variant);
    let module =
        naga::front::wgsl::parse_str(&source).map_err(|error| error.emit_to_string_with_path(&source, kernel.name))?;
    Validator::new(ValidationFlags::all(), Capabilities::IMMEDIATES | Capabilities::SHADER_FLOAT16_IN_FLOAT32)
        .validate(&module)
        .map_err(|error| error.emit_to_string_with_path(&source, kernel.name))?;

    let [entry] = &module.entry_points[..] else { return Err("needs exactly one entry point".into()) };
    if entry.name != "main" || entry.workgroup_size.iter().product::<u32>() > THREADS_MAX {
        return Err(format!("entry point {} of {:?} threads", entry.name, entry.workgroup_size));
    }
    let layouts = module.to_ctx();
    let mut found = [None; BINDINGS_MAX];
    let (mut workgroup_bytes, mut immediate_bytes) = (0, 0);
    for (_, variable) in module.global_variables.iter() {
        let bytes = layouts.types[variable.ty].inner.size(layouts);
        match (variable.space, variable.binding) {
            (AddressSpace::Storage { access }, Some(binding)) => {
                let slot = found.get_mut(binding.binding as usize).ok_or("too many bindings")?;
                let writes = access.contains(StorageAccess::STORE);
                *slot = Some(if writes { Access::Write } else { Access::Read });
            }
            (AddressSpace::WorkGroup, _) => workgroup_bytes += bytes,
            (AddressSpace::Immediate, _) => immediate_bytes += bytes,
            (space, _) => return Err(format!("a variable in {space:?} has no place in a kernel")),
        }
    }
    let found: Vec<Access> = found.into_iter().map_while(|slot| slot).collect();
    if found != kernel.bindings {
        return Err(format!("binds {found:?}, the table says {:?}", kernel.bindings));
    }
    if immediate_bytes != kernel.words * 4 || immediate_bytes > IMMEDIATE_BYTES_MAX {
        return Err(format!("takes {immediate_bytes} bytes of parameters, the table says {} words", kernel.words));
    }
    if workgroup_bytes > WORKGROUP_BYTES_MAX {
        return Err(format!("takes {workgroup_bytes} bytes of workgroup memory of {WORKGROUP_BYTES_MAX}"));
    }
    Ok(())
}
