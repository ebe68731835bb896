//! The agent: tools on a device, the loop with a scripted model, hostile texts, and how often calls are right.

mod domain;
mod injection;
mod many_calls;
mod on_the_device;
mod scripted;
mod the_loop;
