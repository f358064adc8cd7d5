//! Times.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tessera_domain::Timestamp;
use time::{OffsetDateTime, format_description::well_known::Rfc3339 as Format, macros::format_description};

const MILLIS: &[time::format_description::BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// A time in RFC 3339, UTC, to the millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rfc3339(pub Timestamp);

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error;
        let nanos = i128::from(self.0.0) * 1_000_000;
        let time = OffsetDateTime::from_unix_timestamp_nanos(nanos).map_err(S::Error::custom)?;
        serializer.serialize_str(&time.format(MILLIS).map_err(S::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for Rfc3339 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = OffsetDateTime::parse(&text, &Format)
            .map_err(|_| de::Error::custom("must be a time in RFC 3339, such as 2026-01-31T08:00:00Z"))?;
        let millis = time.unix_timestamp_nanos() / 1_000_000;
        Ok(Self(Timestamp(i64::try_from(millis).map_err(de::Error::custom)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_to_the_millisecond() {
        let json = serde_json::to_string(&Rfc3339(Timestamp(1_704_067_200_007))).expect("json");
        assert_eq!(json, r#""2024-01-01T00:00:00.007Z""#);
        let back: Rfc3339 = serde_json::from_str(r#""2024-01-01T02:00:00.007+02:00""#).expect("time");
        assert_eq!(back.0, Timestamp(1_704_067_200_007));
        assert!(serde_json::from_str::<Rfc3339>(r#""yesterday""#).is_err());
    }
}
