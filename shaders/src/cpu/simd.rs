//! Loops compiled for the best instruction set of this processor.
//!
//! rustc targets the oldest x86-64 by default; `pulp` keeps AVX2 and AVX-512 versions of a body and chooses at
//! run time. Only what is inlined into the body gains: functions it calls are `#[inline(always)]`.

use pulp::{Simd, WithSimd};

/// Evaluates an expression with the best instruction set: `vectorized!({ .. })`.
macro_rules! vectorized {
    ($body:expr) => {
        $crate::cpu::simd::run(
            // Without the attribute the body stays a function of its own, with the oldest instruction set.
            #[inline(always)]
            || $body,
        )
    };
}

/// See the macro. Takes `FnMut`: calling a closure as `FnOnce` goes through a shim that is not inlined.
#[inline(always)]
pub fn run<R>(body: impl FnMut() -> R) -> R {
    pulp::Arch::new().dispatch(Body(body))
}

struct Body<F>(F);

impl<R, F: FnMut() -> R> WithSimd for Body<F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) -> R {
        (self.0)()
    }
}
