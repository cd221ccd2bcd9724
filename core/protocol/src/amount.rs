//! Amounts as people read them: money from minor units, quantities from thousandths. Exact, without floats, alike on a
//! phone, in the console, on a terminal and in what is compared with a signed document.

/// Currencies whose minor unit is not a hundredth (ISO 4217).
const OTHER_DIGITS: &[(&str, u32)] = &[
    ("BHD", 3),
    ("CLP", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("TND", 3),
    ("UGX", 0),
    ("VND", 0),
    ("XAF", 0),
];

/// How many decimals a currency has.
pub fn minor_digits(currency: &str) -> u32 {
    OTHER_DIGITS.iter().find(|(code, _)| *code == currency).map_or(2, |(_, digits)| *digits)
}

/// Minor units with the decimals and the code of their currency: `1,234.50 AUD`.
pub fn money(minor: i64, currency: &str) -> String {
    let digits = minor_digits(currency);
    let number = decimal(minor, digits);
    let number = match (digits, number.split_once('.')) {
        (0, _) => number,
        (_, Some((whole, part))) => format!("{whole}.{part:0<width$}", width = digits as usize),
        (_, None) => format!("{number}.{}", "0".repeat(digits as usize)),
    };
    if currency.is_empty() { number } else { format!("{number} {currency}") }
}

/// Thousandths as a decimal number without trailing zeros: `1.5`.
pub fn quantity(milli: i64) -> String {
    decimal(milli, 3)
}

/// A scaled integer as a decimal number, thousands grouped, trailing zeros left out.
fn decimal(scaled: i64, places: u32) -> String {
    let scale = 10_u64.pow(places);
    let (sign, size) = (if scaled < 0 { "-" } else { "" }, scaled.unsigned_abs());
    let digits = (size / scale).to_string();
    let mut whole = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            whole.push(',');
        }
        whole.push(digit);
    }
    let part = format!("{:0width$}", size % scale, width = places as usize);
    let part = part.trim_end_matches('0');
    if places == 0 || part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_the_decimals_of_its_currency() {
        assert_eq!(money(123_450, "AUD"), "1,234.50 AUD");
        assert_eq!(money(-5, "EUR"), "-0.05 EUR");
        assert_eq!(money(1_500, "JPY"), "1,500 JPY");
        assert_eq!(money(1_500, "KWD"), "1.500 KWD");
        assert_eq!(money(i64::MIN, "AUD"), "-92,233,720,368,547,758.08 AUD");
    }

    #[test]
    fn quantities_leave_trailing_zeros_out() {
        assert_eq!(quantity(1_500), "1.5");
        assert_eq!(quantity(2_000), "2");
        assert_eq!(quantity(-250), "-0.25");
    }
}
