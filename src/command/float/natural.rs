//! Natural numbers of any size, with just the operations that reading and printing decimals take.

/// A natural number of any size: limbs of 32 bits, lowest first, the last not zero.
#[derive(Default)]
pub struct Natural(Vec<u32>);

impl Natural {
    pub fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    pub fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for limb in &mut self.0 {
            carry += u64::from(*limb) * u64::from(factor);
            *limb = carry as u32;
            carry >>= 32;
        }
        if carry != 0 {
            self.0.push(carry as u32);
        }
    }

    /// Divide; the answer is the remainder.
    pub fn divide(&mut self, divisor: u32) -> u32 {
        let mut rest = 0_u64;
        for limb in self.0.iter_mut().rev() {
            rest = rest << 32 | u64::from(*limb);
            *limb = (rest / u64::from(divisor)) as u32;
            rest %= u64::from(divisor);
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        rest as u32
    }

    pub fn shift_limbs(&mut self, limbs: usize) {
        if !self.is_zero() {
            self.0.splice(0..0, std::iter::repeat_n(0, limbs));
        }
    }

    /// The top four limbs, the power of two that scales them, whether anything is below them.
    pub fn top(&self) -> (u128, i32, bool) {
        let (low, top) = self.0.split_at(self.0.len().saturating_sub(4));
        let value = top
            .iter()
            .rev()
            .fold(0, |value, limb| value << 32 | u128::from(*limb));
        (value, (low.len() * 32) as i32, low.iter().any(|l| *l != 0))
    }
}
