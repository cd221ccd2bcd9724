//! The rules that can be left out, to see that a property notices.

/// A rule of the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// A push names all pushes since the last answered one.
    NamesItsPushes,
    /// What is delivered without covering *theirs* is offered back.
    OffersWhatWasForgotten,
    /// At the end of a walk from the start, what it did not name is offered back.
    OffersWhatIsUnnamed,
    /// The cursor carries the highest commit of any answer, not only its own position.
    CursorKnowsTheHighest,
    /// An edit that the office has is acknowledged, not applied twice.
    KnowsItsEdits,
    /// The office answers with the resulting record when it is more than *theirs* with the edits.
    AnswersWithTheResult,
    /// The office takes a new replica id at every start.
    OfficeIdPerStart,
    /// An edit's context is what its author was shown, never more.
    ContextIsWhatWasShown,
    /// A deleted record is collected only when both devices have confirmed it since the office started.
    CollectsWithProof,
    /// What arrives for a collected record is held or refused, never applied.
    CollectedIsUsedUp,
    /// What was collected is known outside the database: a restored office deletes it again.
    CollectionsAreLogged,
}
