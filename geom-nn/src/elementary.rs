//! Branch-free $e^x$, $\ln(1+x)$ and $\operatorname{erfc}$, written so that the compiler vectorises them.
//!
//! Every function is a fixed sequence of additions, multiplications and selections, without a call, so that a loop
//! over a slice becomes vector code. Errors are a few units in the last place of the type.

use crate::element::Element;

/// $1/k!$ for $k = 0, \dots, 13$.
const INVERSE_FACTORIALS: [f64; 14] = [
    1.0,
    1.0,
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5_040.0,
    1.0 / 40_320.0,
    1.0 / 362_880.0,
    1.0 / 3_628_800.0,
    1.0 / 39_916_800.0,
    1.0 / 479_001_600.0,
    1.0 / 6_227_020_800.0,
];

/// Chebyshev coefficients of $(1 + 2x) e^{x^2}\operatorname{erfc}(x)$ in $t = (x - 3.75)/(x + 3.75)$, the first one halved.
#[allow(
    clippy::excessive_precision,
    reason = "digits as computed with 50 places"
)]
const ERFC: [f64; 27] = [
    1.177_578_934_567_401_754_2,
    -0.004_590_054_580_646_477_330_9,
    -0.084_249_133_366_517_915_584,
    0.059_209_939_998_191_890_498,
    -0.026_658_668_435_305_752_277,
    0.009_074_997_670_705_265_093_9,
    -0.002_413_163_540_417_608_191,
    0.000_490_775_836_525_808_632_29,
    -0.000_069_169_733_025_012_063_671,
    4.139_027_986_073_010_167_5e-6,
    7.740_383_066_199_848_669_8e-7,
    -2.188_640_104_923_439_562_9e-7,
    1.076_499_946_567_091_037_8e-8,
    4.521_959_811_218_286_897_9e-9,
    -7.754_400_208_831_351_110_5e-10,
    -6.318_088_340_886_684_449_4e-11,
    2.868_795_010_930_669_898_1e-11,
    1.945_586_854_577_734_723e-13,
    -9.654_696_748_433_439_055_9e-13,
    3.252_548_148_147_739_841_5e-14,
    3.347_811_948_286_805_387_8e-14,
    -1.864_562_880_419_313_101_5e-15,
    -1.250_795_053_068_864_708_5e-15,
    7.418_235_256_624_043_463e-17,
    5.068_148_904_796_111_316_8e-17,
    -2.237_056_659_435_999_597_4e-18,
    -2.187_342_944_303_017_665e-18,
];

/// $(s, q)$ with $e^x = s + s q$ and $e^x - 1 = s q + (s - 1)$, for $x \le 0$; NaN stays NaN.
#[inline(always)]
fn exp_parts<E: Element>(x: E) -> (E, E) {
    let x = if x < E::EXP_LOWEST { E::EXP_LOWEST } else { x };
    let rounded = x * E::of(std::f64::consts::LOG2_E) + E::ROUNDER;
    let n = rounded - E::ROUNDER;
    let r = (x - n * E::LN_2_PARTS.0) - n * E::LN_2_PARTS.1;
    let mut q = E::of(INVERSE_FACTORIALS[E::EXP_TERMS]);
    let mut k = E::EXP_TERMS - 1;
    while k > 0 {
        q = q * r + E::of(INVERSE_FACTORIALS[k]);
        k -= 1;
    }
    (E::power_of_two(rounded), q * r)
}

/// $e^x$ for $x \le 0$; below the type's smallest normal number the result stays there.
#[inline(always)]
pub(crate) fn exp_negative<E: Element>(x: E) -> E {
    let (s, q) = exp_parts(x);
    s * q + s
}

/// $e^x - 1$ for $x \le 0$, to full relative accuracy.
#[inline(always)]
pub(crate) fn exp_m1_negative<E: Element>(x: E) -> E {
    let (s, q) = exp_parts(x);
    s * q + (s - E::one())
}

/// $\ln(1 + e)$ for $0 \le e \le 1$.
#[inline(always)]
pub(crate) fn ln_1p_unit<E: Element>(e: E) -> E {
    let high = e > E::of(std::f64::consts::SQRT_2 - 1.0);
    // ln(1 + e) = 2 artanh(s), above √2 − 1 after a factor 2 is taken out.
    let numerator = if high { e - E::one() } else { e };
    let denominator = if high { e + E::of(3.0) } else { e + E::of(2.0) };
    let offset = if high {
        E::of(std::f64::consts::LN_2)
    } else {
        E::zero()
    };
    let s = numerator / denominator;
    let s2 = s * s;
    let mut sum = E::zero();
    let mut k = E::LN_TERMS;
    while k > 0 {
        sum = sum * s2 + E::of(2.0 / (2 * k - 1) as f64);
        k -= 1;
    }
    offset + s * sum
}

/// $\operatorname{erfc}(x)$ for $x \ge 0$, given $e^{-x^2}$.
///
/// Chebyshev expansion in $(x - 3.75)/(x + 3.75)$ after Schonfelder (1978), Math. Comp. 32, with coefficients of our own.
#[inline(always)]
pub(crate) fn erfc_positive<E: Element>(x: E, exp_minus_x2: E) -> E {
    let k = E::of(3.75);
    let t = (x - k) / (x + k);
    let two_t = t + t;
    let (mut b1, mut b2) = (E::zero(), E::zero());
    let mut j = E::ERFC_TERMS - 1;
    while j > 0 {
        let b0 = two_t * b1 - b2 + E::of(ERFC[j]);
        b2 = b1;
        b1 = b0;
        j -= 1;
    }
    let g = t * b1 - b2 + E::of(ERFC[0]);
    exp_minus_x2 * g / (E::one() + x + x)
}

#[cfg(test)]
#[allow(
    clippy::float_cmp,
    clippy::excessive_precision,
    reason = "exact results are meant exactly"
)]
mod tests {
    use super::*;

    fn relative(found: f64, expected: f64) -> f64 {
        (found - expected).abs() / expected.abs().max(f64::MIN_POSITIVE)
    }

    #[test]
    fn exponentials_agree_with_the_standard_library() {
        for i in 0..20_000 {
            let x = -(f64::from(i) * 1.7e-3).powi(2) * 0.6;
            if x > -708.0 {
                assert!(relative(exp_negative(x), x.exp()) < 4e-16, "exp({x})");
                if x < 0.0 {
                    assert!(
                        relative(exp_m1_negative(x), x.exp_m1()) < 5e-16,
                        "expm1({x})"
                    );
                }
            }
            #[allow(clippy::cast_possible_truncation)]
            let y = x as f32;
            if y > -87.0 {
                assert!(
                    relative(f64::from(exp_negative(y)), f64::from(y).exp()) < 2e-7,
                    "exp({y})"
                );
            }
        }
        assert!(exp_negative(f64::NAN).is_nan() && exp_m1_negative(f32::NAN).is_nan());
        assert_eq!(exp_m1_negative(f64::NEG_INFINITY), -1.0);
        assert_eq!(exp_m1_negative(0.0_f64), 0.0);
        assert!(relative(exp_m1_negative(-1e-12_f64), (-1e-12_f64).exp_m1()) < 3e-16);
    }

    #[test]
    fn logarithm_agrees_with_the_standard_library() {
        for i in 1..=10_000 {
            let e = f64::from(i) * 1e-4;
            assert!(relative(ln_1p_unit(e), e.ln_1p()) < 5e-16, "ln_1p({e})");
            #[allow(clippy::cast_possible_truncation)]
            let f = e as f32;
            assert!(
                relative(f64::from(ln_1p_unit(f)), f64::from(f).ln_1p()) < 3e-7,
                "ln_1p({f})"
            );
        }
        assert_eq!(ln_1p_unit(0.0_f64), 0.0);
    }

    #[test]
    fn error_function_agrees_with_tabulated_values() {
        // 20 digits by arbitrary-precision arithmetic.
        let table = [
            (0.0_f64, 1.0),
            (1e-3, 0.998_871_621_209_030_5),
            (0.1, 0.887_537_083_981_715_1),
            (0.5, 0.479_500_122_186_953_5),
            (1.0, 0.157_299_207_050_285_13),
            (2.0, 4.677_734_981_047_266e-3),
            (3.5, 7.430_983_723_414_127e-7),
            (5.0, 1.537_459_794_428_035e-12),
            (10.0, 2.088_487_583_762_545e-45),
            (25.0, 8.300_172_571_196_522e-274),
        ];
        for (x, expected) in table {
            let found = erfc_positive(x, (-x * x).exp());
            assert!(relative(found, expected) < 2e-15, "erfc({x}) = {found:e}");
            #[allow(clippy::cast_possible_truncation)]
            let single = erfc_positive(x as f32, (-x * x).exp() as f32);
            if x < 9.0 {
                assert!(
                    relative(f64::from(single), expected) < 1e-6,
                    "erfc({x}) = {single:e} in f32"
                );
            }
        }
    }
}
