//! The tile unit: who may use it, its configuration, and the product of two packed panels.
//!
//! rustc has no stable intrinsics for tiles, so their instructions are written out. A thread that holds a
//! [`Configured`] has eight tiles of 16 rows of 64 bytes; nothing else in this process uses them.

use std::{arch::asm, arch::x86_64::__cpuid_count, sync::OnceLock};

/// Rows and columns of the block of sums that [`Configured::multiply`] makes.
pub const BLOCK: usize = 32;
/// Depth that one step takes: 16 pairs of bf16.
pub const STEP: usize = 32;

/// One tile: 16 rows of 16 pairs of bf16.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Tile(pub [[u32; 16]; 16]);

/// What one step reads of an operand: high pieces of lines 0..16 and 16..32, then their low pieces.
pub type Step = [Tile; 4];

/// A block of sums; aligned, as its rows are written whole.
#[repr(C, align(64))]
pub struct Sums(pub [[f32; BLOCK]; BLOCK]);

impl Sums {
    pub fn new() -> Self {
        Self([[0.0; BLOCK]; BLOCK])
    }
}

/// True when the processor has all that this module uses and the system lets this process use the tiles.
pub fn available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| has_instructions() && permitted())
}

fn has_instructions() -> bool {
    /// AMX-BF16 and AMX-TILE in EDX of leaf 7 (Intel 64 and IA-32 manual, volume 2, CPUID).
    const AMX: u32 = 1 << 22 | 1 << 24;
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bf16")
        && __cpuid_count(7, 0).edx & AMX == AMX
}

/// Asks Linux for the tile registers, which no process has from the start: the 8 KiB of a thread's tiles would
/// not fit on every signal stack (Documentation/arch/x86/xstate.rst). The answer holds for all threads.
fn permitted() -> bool {
    const ARCH_PRCTL: isize = 158;
    const ARCH_REQ_XCOMP_PERM: usize = 0x1023;
    const XFEATURE_XTILEDATA: usize = 18;
    let result: isize;
    // SAFETY: this call reads and writes no memory of the process; the kernel changes rcx and r11 only.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => result,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result == 0
}

/// Layout of the tiles as `ldtilecfg` reads it: palette 1, then bytes a row and rows of each tile.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

static CONFIGURATION: Configuration = Configuration {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// The tiles of this thread, configured until it is dropped.
pub struct Configured {
    /// Tiles belong to a thread: this type is neither `Send` nor `Sync`.
    _thread: std::marker::PhantomData<*const ()>,
}

impl Configured {
    /// # Panics
    /// Where the tiles are not [`available`].
    pub fn new() -> Self {
        assert!(available(), "this processor or system has no tiles");
        // SAFETY: the instruction exists and is permitted by the assert; it reads 64 bytes.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const CONFIGURATION, options(nostack, readonly)) };
        Self { _thread: std::marker::PhantomData }
    }

    /// `sums [32, 32] = a [32, depth] * b [depth, 32]`, each product of values as three of their pieces.
    ///
    /// Four tiles hold sums. In each step every sum takes its three products four instructions apart, which
    /// hides their latency; the high pieces of the first 16 lines of `a` are loaded twice, as eight tiles hold
    /// no more.
    ///
    /// `next` is where something lies that will be read soon: each step asks for a tile of it, as a hint that
    /// reads nothing.
    ///
    /// # Panics
    /// When `a` and `b` differ in depth.
    pub fn multiply(&self, a: &[Step], b: &[Step], next: *const Tile, sums: &mut Sums) {
        assert_eq!(a.len(), b.len(), "operands of different depth");
        // SAFETY: the tiles are configured while `self` lives. Each round reads one step of either operand,
        // `a.len()` of which exist, and the stores fill `sums`, whose rows are 128 bytes apart.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "test {steps}, {steps}",
                "jz 3f",
                "2:",
                "tileloadd tmm4, [{a} + {stride}]",
                "tileloadd tmm6, [{b} + {stride}]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "prefetcht1 [{next} + 0]",
                "prefetcht1 [{next} + 768]",
                "tileloadd tmm7, [{b} + {stride} + 1024]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "prefetcht1 [{next} + 64]",
                "prefetcht1 [{next} + 832]",
                "tileloadd tmm5, [{a} + {stride} + 1024]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "prefetcht1 [{next} + 128]",
                "prefetcht1 [{next} + 896]",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "prefetcht1 [{next} + 192]",
                "prefetcht1 [{next} + 960]",
                "tileloadd tmm4, [{a} + {stride} + 2048]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "prefetcht1 [{next} + 256]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "prefetcht1 [{next} + 320]",
                "tileloadd tmm4, [{a} + {stride} + 3072]",
                "tdpbf16ps tmm2, tmm4, tmm6",
                "prefetcht1 [{next} + 384]",
                "tdpbf16ps tmm3, tmm4, tmm7",
                "prefetcht1 [{next} + 448]",
                "tileloadd tmm4, [{a} + {stride}]",
                "tileloadd tmm6, [{b} + {stride} + 2048]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "prefetcht1 [{next} + 512]",
                "tileloadd tmm7, [{b} + {stride} + 3072]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "prefetcht1 [{next} + 576]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "prefetcht1 [{next} + 640]",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "prefetcht1 [{next} + 704]",
                "add {a}, 4096",
                "add {b}, 4096",
                "add {next}, 1024",
                "dec {steps}",
                "jnz 2b",
                "3:",
                "tilestored [{sums} + 2 * {stride}], tmm0",
                "tilestored [{sums} + 2 * {stride} + 64], tmm1",
                "tilestored [{sums} + 2 * {stride} + 2048], tmm2",
                "tilestored [{sums} + 2 * {stride} + 2112], tmm3",
                a = inout(reg) a.as_ptr() => _,
                b = inout(reg) b.as_ptr() => _,
                next = inout(reg) next => _,
                steps = inout(reg) a.len() => _,
                stride = in(reg) size_of::<[u32; 16]>(),
                sums = in(reg) sums,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}

impl Drop for Configured {
    fn drop(&mut self) {
        // SAFETY: the instruction exists, as this value was made. Empty tiles cost a thread switch nothing.
        unsafe { asm!("tilerelease", options(nomem, nostack)) };
    }
}
