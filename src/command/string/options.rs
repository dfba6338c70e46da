//! The options that say when a string's key expires: those of `SET` and of `GETEX`.

use super::super::CommandError;
use super::super::args::TimeForm;
use std::mem::discriminant;

/// What a command was told about the expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry<'a> {
    Unsaid,
    /// `KEEPTTL`
    Keep,
    /// `PERSIST`
    Persist,
    /// `EX`, `PX`, `EXAT`, `PXAT`, and the argument that follows.
    At(TimeForm, &'a [u8]),
}

impl<'a> Expiry<'a> {
    /// Both, of which the later is obeyed. Two different options contradict each other; one option
    /// may be repeated.
    pub fn then(self, later: Expiry<'a>) -> Result<Expiry<'a>, CommandError> {
        let agree = match (self, later) {
            (Expiry::Unsaid, _) => true,
            (Expiry::At(a, _), Expiry::At(b, _)) => a == b,
            (a, b) => discriminant(&a) == discriminant(&b),
        };
        if agree {
            Ok(later)
        } else {
            Err(CommandError::Syntax)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_option_may_be_repeated_and_two_contradict() {
        let ex = Expiry::At(TimeForm::EX, b"1");
        let again = Expiry::At(TimeForm::EX, b"2");
        let px = Expiry::At(TimeForm::PX, b"1");
        assert_eq!(Expiry::Unsaid.then(ex), Ok(ex));
        assert_eq!(ex.then(again), Ok(again));
        assert_eq!(Expiry::Keep.then(Expiry::Keep), Ok(Expiry::Keep));
        for (a, b) in [
            (ex, px),
            (ex, Expiry::Keep),
            (Expiry::Keep, ex),
            (Expiry::Persist, px),
        ] {
            assert_eq!(a.then(b), Err(CommandError::Syntax));
        }
    }
}
