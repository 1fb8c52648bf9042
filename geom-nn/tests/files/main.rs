//! Files: what is written comes back, what PyTorch writes is understood, what is made to harm is refused.

#[path = "../common/build.rs"]
mod build;

mod hostile;
mod round_trip;
mod torch;
