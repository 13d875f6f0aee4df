//! (tests only) A random oracle that somebody else answers: challenges that are known in advance, or that do not depend on
//! what was said before. It shows what a forgery would gain if a rule of the transcript were dropped, and lets the simulator of
//! the zero-knowledge proof program the last challenge. It answers on the thread that calls [`with`] and nowhere else.

use super::DIGEST;
use crate::algebra::{Fr, fr};
use std::cell::RefCell;

/// A challenge that is about to be drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw<'a> {
    /// The transcript's domain.
    pub(crate) domain: &'a str,
    /// The challenge's name.
    pub(crate) label: &'a str,
    /// How many of this name the transcript has drawn before.
    pub(crate) nth: usize,
}

/// `None` leaves the answer to the real oracle.
pub(crate) type Rule = Box<dyn Fn(&Draw<'_>) -> Option<Fr>>;

struct Oracle {
    rule: Rule,
    deaf: Vec<&'static str>,
    drawn: Vec<(String, Fr)>,
}

thread_local! {
    static ORACLE: RefCell<Option<Oracle>> = const { RefCell::new(None) };
}

struct Reset;

impl Drop for Reset {
    fn drop(&mut self) {
        ORACLE.with_borrow_mut(|o| *o = None);
    }
}

/// Runs `f` with an oracle that follows a rule and does not hear messages with the labels `deaf`.
pub(crate) fn with<T>(deaf: &[&'static str], rule: impl Fn(&Draw<'_>) -> Option<Fr> + 'static, f: impl FnOnce() -> T) -> T {
    let oracle = Oracle { rule: Box::new(rule), deaf: deaf.to_vec(), drawn: Vec::new() };
    ORACLE.with_borrow_mut(|o| assert!(o.replace(oracle).is_none(), "one oracle at a time"));
    let _reset = Reset;
    f()
}

/// Everything that was drawn under a name since [`with`] began, first to last.
pub(crate) fn drawn(label: &str) -> Vec<Fr> {
    ORACLE.with_borrow(|o| {
        let all = o.iter().flat_map(|o| &o.drawn);
        all.filter(|(l, _)| l == label).map(|(_, v)| *v).collect()
    })
}

/// Forgets what was drawn: another proof begins.
pub(crate) fn forget() {
    ORACLE.with_borrow_mut(|o| o.iter_mut().for_each(|o| o.drawn.clear()));
}

/// Where a transcript is.
#[derive(Clone, Default)]
pub(super) struct Place {
    domain: String,
    before: Vec<String>,
}

impl Place {
    pub(super) fn new(domain: &str) -> Self {
        Self { domain: domain.to_owned(), before: Vec::new() }
    }

    /// Whether a message is not heard.
    pub(super) fn deaf(&self, label: &str) -> bool {
        ORACLE.with_borrow(|o| o.as_ref().is_some_and(|o| o.deaf.contains(&label)))
    }

    /// The answer to a draw.
    pub(super) fn answer(&mut self, label: &str, digest: &[u8; DIGEST]) -> Fr {
        let nth = self.before.iter().filter(|l| *l == label).count();
        self.before.push(label.to_owned());
        let draw = Draw { domain: &self.domain, label, nth };
        ORACLE.with_borrow_mut(|o| {
            let rule = o.as_ref().and_then(|o| (o.rule)(&draw));
            let value = rule.unwrap_or_else(|| fr::from_uniform(digest));
            o.iter_mut().for_each(|o| o.drawn.push((label.to_owned(), value)));
            value
        })
    }
}
