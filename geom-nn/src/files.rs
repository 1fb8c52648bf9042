//! Networks in safetensors files: weights, architecture and metadata.
//!
//! A file holds any number of networks under prefixes (`decoder.` + `1.weight`), further arrays (an optimiser's memory), and
//! string metadata. The architecture of the network under a prefix is JSON in the metadata entry `{prefix}architecture`. The same
//! content gives the same bytes. Reading never executes anything and allocates no more than the file's own length.

mod read;
mod write;

pub use read::{Loaded, load};
pub use write::Contents;
