//! `halligan serve` over real sockets.

mod answers;
mod limits;
mod stage;
