//! The answers that a call's approval offers, each with the words that say what it allows.

use crate::domain::{ApprovalRequest, Decision, Lifetime, Scope};

/// Scopes that are offered at most: each takes two of the nine numbers.
const MOST_SCOPES: usize = 4;

/// A standing permission that can be given by a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer<'a> {
    /// The number to press, from 1.
    pub number: usize,
    pub scope: &'a Scope,
    pub lifetime: Lifetime,
}

/// What can be allowed further, in the order of the numbers: each scope for the session, then for the
/// project.
pub fn offers(request: &ApprovalRequest) -> Vec<Offer<'_>> {
    let scopes = request.offers.iter().take(MOST_SCOPES);
    let both = scopes.flat_map(|scope| [(scope, Lifetime::Session), (scope, Lifetime::Project)]);
    both.zip(1..).map(|((scope, lifetime), number)| Offer { number, scope, lifetime }).collect()
}

/// The decision of a number.
pub fn decision(request: &ApprovalRequest, number: usize) -> Option<Decision> {
    let offer = offers(request).into_iter().find(|offer| offer.number == number)?;
    Some(Decision::AllowFurther { scope: offer.scope.clone(), lifetime: offer.lifetime })
}
