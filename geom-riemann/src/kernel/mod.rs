mod eigen;
mod gram;
mod lanes;
mod load;
mod product;
mod qr;

pub(crate) use eigen::symmetric_eigen;
pub(crate) use gram::gram;
pub(crate) use lanes::dot;
pub(crate) use load::load_columns;
pub(crate) use product::scale_columns;
pub(crate) use qr::Workspace;

/// Points that one task handles: fixed, so that results do not depend on the number of threads.
pub(crate) const CHUNK: usize = 16;
