//! What a report says of a training before its numbers.

use geom_bench::history::EpochRecord;

/// What was corrected or left out on the way.
pub(super) fn on_training(history: &[EpochRecord]) -> Vec<String> {
    let mut remarks = Vec::new();
    let corrected: usize = history.iter().map(|epoch| epoch.corrections.floored).sum();
    if corrected > 0 {
        remarks.push(format!(
            "During training {corrected} collapsed singular values of the decoder's Jacobian were floored so that the \
             loss stayed finite; log.jsonl says in which epochs."
        ));
    }
    let skipped: usize = history.iter().map(|epoch| epoch.skipped).sum();
    if skipped > 0 {
        remarks.push(format!(
            "During training the steps of {skipped} batches were left out, because their loss or gradient was not finite; \
             log.jsonl says in which epochs."
        ));
    }
    remarks
}
