//! Keeps dispatchers' passwords as something that cannot be turned back into them.
//!
//! Argon2id with the parameters OWASP recommends for interactive login, a salt of its own for every password, stored as
//! a PHC string, which names its parameters: a later, higher cost does not lock anybody out. Randomness comes from the
//! caller. Each call takes some 20 MiB and tens of milliseconds and belongs on a blocking thread.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

/// Memory of one hash, KiB.
const MEMORY_KIB: u32 = 19_456;
/// Passes over the memory.
const PASSES: u32 = 2;
/// Most memory a stored string may ask for, KiB: a damaged database must not take the machine down.
const STORED_MEMORY_KIB_MAX: u32 = 262_144;
/// Longest password, bytes. A longer one costs time and adds nothing.
const PASSWORD_BYTES_MAX: usize = 512;
/// Shortest password a person may choose, characters.
const PASSWORD_CHARS_MIN: usize = 10;

/// Bytes of salt [`hash`] takes.
pub const SALT_BYTES: usize = 16;
/// Random bytes [`readable`] takes.
pub const READABLE_BYTES: usize = 10;

/// Why a password cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It has fewer than ten characters.
    #[error("accept a password of fewer than {PASSWORD_CHARS_MIN} characters")]
    TooShort,
    /// It has more than 512 bytes.
    #[error("accept a password of more than {PASSWORD_BYTES_MAX} bytes")]
    TooLong,
}

/// Returns what to store for a password: a PHC string. `salt` must be fresh and random for every call.
///
/// # Errors
///
/// [`PasswordError`] for a password nobody should use.
pub fn hash(password: &str, salt: &[u8; SALT_BYTES]) -> Result<String, PasswordError> {
    if password.chars().count() < PASSWORD_CHARS_MIN {
        return Err(PasswordError::TooShort);
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(PasswordError::TooLong);
    }
    Ok(hash_unchecked(password, salt))
}

/// Says whether a password is the one `stored` was made from.
///
/// Pass nothing as `stored` when nobody has the name that was given: it takes as long as a wrong password, so that names
/// cannot be found by timing. A string that is no hash, or asks for absurd amounts of memory, matches nothing.
pub fn verify(password: &str, stored: Option<&str>) -> bool {
    if password.len() > PASSWORD_BYTES_MAX {
        return false;
    }
    let Some(stored) = stored else {
        hash_unchecked(password, &[0; SALT_BYTES]);
        return false;
    };
    let Ok(parsed) = PasswordHash::new(stored) else { return false };
    let is_bearable = Params::try_from(&parsed).is_ok_and(|params| params.m_cost() <= STORED_MEMORY_KIB_MAX);
    is_bearable && hasher().verify_password(password.as_bytes(), &parsed).is_ok()
}

/// Returns a password a person can read aloud and type: five syllable pairs such as `bako-mitu-desa-ruvi-lopa`, of 60
/// bits, all from `random`. It has no digits, so that its l and o are letters.
pub fn readable(random: &[u8; READABLE_BYTES]) -> String {
    const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
    const VOWELS: &[u8; 4] = b"aiou";
    let mut password = String::new();
    for pair in random.chunks_exact(2) {
        let bits = usize::from(u16::from_le_bytes([pair[0], pair[1]]));
        if !password.is_empty() {
            password.push('-');
        }
        for syllable in [bits & 63, bits >> 6 & 63] {
            password.push(char::from(CONSONANTS[syllable >> 2]));
            password.push(char::from(VOWELS[syllable & 3]));
        }
    }
    password
}

fn hash_unchecked(password: &str, salt: &[u8; SALT_BYTES]) -> String {
    let hash: PasswordHash = hasher()
        .hash_password_with_salt(password.as_bytes(), salt)
        .expect("lengths of password and salt are within the bounds of Argon2");
    hash.to_string()
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).expect("the constants are within the bounds of Argon2");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_is_accepted() {
        let stored = hash("correct horse", &[7; SALT_BYTES]).unwrap();

        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(verify("correct horse", Some(&stored)));
        assert!(!verify("correct horsf", Some(&stored)));
        assert!(!verify("", Some(&stored)));
    }

    #[test]
    fn another_salt_gives_another_string() {
        assert_ne!(hash("correct horse", &[7; SALT_BYTES]), hash("correct horse", &[8; SALT_BYTES]));
    }

    #[test]
    fn nobody_and_nonsense_match_nothing() {
        let stored = hash("correct horse", &[7; SALT_BYTES]).unwrap();

        assert!(!verify("correct horse", None));
        for nonsense in ["", "correct horse", "$argon2id$", &stored.replace("m=19456", "m=4000000000"), &stored[..60]] {
            assert!(!verify("correct horse", Some(nonsense)), "{nonsense}");
        }
        assert!(!verify(&"x".repeat(100_000), Some(&stored)));
    }

    #[test]
    fn a_stored_string_brings_its_own_cost() {
        let params = Params::new(64, 1, 1, None).unwrap();
        let older: PasswordHash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_with_salt(b"correct horse", &[7; SALT_BYTES])
            .unwrap();

        assert!(verify("correct horse", Some(&older.to_string())));
    }

    #[test]
    fn a_password_is_neither_short_nor_endless() {
        assert_eq!(hash("123456789", &[0; SALT_BYTES]), Err(PasswordError::TooShort));
        assert_eq!(hash(&"x".repeat(513), &[0; SALT_BYTES]), Err(PasswordError::TooLong));
    }

    #[test]
    fn a_readable_password_uses_every_random_bit_it_promises() {
        assert_eq!(readable(&[0; READABLE_BYTES]), "baba-baba-baba-baba-baba");
        let mut seen = std::collections::BTreeSet::new();
        for bits in 0..4_096_u16 {
            let mut random = [0; READABLE_BYTES];
            random[..2].copy_from_slice(&bits.to_le_bytes());
            seen.insert(readable(&random));
        }
        assert_eq!(seen.len(), 4_096);
        assert!(hash(&readable(&[255; READABLE_BYTES]), &[1; SALT_BYTES]).is_ok());
    }
}
