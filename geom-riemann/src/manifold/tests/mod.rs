mod batches;
mod closed_forms;
mod fixtures;
mod laws;
mod pushed;
