//! The best candidates of one point.

use crate::Scalar;
use crate::neighbours::top::before;

/// A candidate and whether it is too new to have been a way to others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<T> {
    key: T,
    pub(super) index: u32,
    pub(super) fresh: bool,
}

/// A short list of candidates, nearest first, no point twice.
#[derive(Debug, Clone)]
pub(super) struct Candidates<T> {
    list: Vec<Candidate<T>>,
    capacity: usize,
}

impl<T: Scalar> Candidates<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            list: Vec::new(),
            capacity,
        }
    }

    /// The largest key held once the list is full, infinity before: larger keys need not be offered.
    pub(super) fn threshold(&self) -> T {
        match self.list.last() {
            Some(last) if self.list.len() == self.capacity => last.key,
            _ => T::infinity(),
        }
    }

    pub(super) fn holds(&self, index: u32) -> bool {
        self.list.iter().any(|c| c.index == index)
    }

    /// Takes a candidate in if it is new and near enough, and says whether it did.
    pub(super) fn offer(&mut self, key: T, index: u32) -> bool {
        let after = |c: &Candidate<T>| before((key, index), (c.key, c.index));
        let full = self.list.len() == self.capacity;
        if full && !self.list.last().is_some_and(after) {
            return false;
        }
        if self.holds(index) {
            return false;
        }
        if full {
            self.list.pop();
        }
        let place = self.list.partition_point(|c| !after(c));
        let fresh = true;
        self.list.insert(place, Candidate { key, index, fresh });
        true
    }

    /// The first `count`.
    pub(super) fn first(&self, count: usize) -> &[Candidate<T>] {
        &self.list[..count.min(self.list.len())]
    }

    pub(super) fn indices(&self) -> impl Iterator<Item = u32> {
        self.list.iter().map(|c| c.index)
    }

    /// The first `count` have been ways to others.
    pub(super) fn settle(&mut self, count: usize) {
        for c in self.list.iter_mut().take(count) {
            c.fresh = false;
        }
    }

    /// All candidates, nearest first.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (T, u32)> {
        self.list.iter().map(|c| (c.key, c.index))
    }
}
