//! Advertisements and what was shown of them.

use super::{PostgresLedger, rows::*};
use async_trait::async_trait;
use std::collections::BTreeMap;
use tessera_domain::{AdId, PostId, Timestamp, UserId, ads::Ad};
use tessera_ports::{
    StoreResult,
    ledger::{AdImpressions, AdLedger, AdSpend},
};

#[derive(sqlx::FromRow)]
struct AdRow {
    id: i64,
    post_id: i64,
    starts_at: i64,
    ends_at: i64,
    daily_budget: i64,
    frequency_cap: i64,
    author_id: i64,
    impressions: i64,
}

impl From<AdRow> for AdSpend {
    fn from(row: AdRow) -> Self {
        let ad = Ad {
            id: AdId::from_i64(row.id),
            post_id: PostId::from_i64(row.post_id),
            starts_at: Timestamp(row.starts_at),
            ends_at: Timestamp(row.ends_at),
            daily_budget: unsigned(row.daily_budget),
            frequency_cap: small(row.frequency_cap),
        };
        AdSpend { ad, post: post_ref((row.post_id, row.author_id)), impressions_today: unsigned(row.impressions) }
    }
}

#[async_trait]
impl AdLedger for PostgresLedger {
    async fn put_ad(&self, ad: Ad) -> StoreResult<bool> {
        let upsert = sqlx::query(
            "INSERT INTO ads (id, post_id, starts_at, ends_at, daily_budget, frequency_cap)
             SELECT $1, id, $3, $4, $5, $6 FROM posts WHERE id = $2
             ON CONFLICT (id) DO UPDATE SET post_id = excluded.post_id, starts_at = excluded.starts_at,
             ends_at = excluded.ends_at, daily_budget = excluded.daily_budget,
             frequency_cap = excluded.frequency_cap",
        );
        let upsert = upsert
            .bind(ad.id.to_i64())
            .bind(ad.post_id.to_i64())
            .bind(ad.starts_at.0)
            .bind(ad.ends_at.0)
            .bind(signed(ad.daily_budget))
            .bind(i64::from(ad.frequency_cap));
        Ok(self.front.execute(upsert).await? == 1)
    }

    async fn ads(&self, now: Timestamp, active_only: bool, page: usize) -> StoreResult<Vec<AdSpend>> {
        let query = sqlx::query_as::<_, AdRow>(
            "SELECT a.*, p.author_id, coalesce(d.impressions, 0) AS impressions
             FROM ads a JOIN posts p ON p.id = a.post_id
             LEFT JOIN ad_days d ON d.ad_id = a.id AND d.day = $2
             WHERE NOT $3 OR a.starts_at <= $1 AND a.ends_at > $1 ORDER BY a.id DESC LIMIT $4",
        );
        let query = query.bind(now.0).bind(now.utc_day()).bind(active_only).bind(limit(page));
        Ok(self.fetch_all(query).await?.into_iter().map(AdSpend::from).collect())
    }

    async fn impressions_of(&self, user_id: UserId, day: i64) -> StoreResult<Vec<AdImpressions>> {
        let query = sqlx::query_as("SELECT ad_id, count FROM ad_impressions WHERE user_id = $1 AND day = $2");
        let rows: Vec<(i64, i64)> = self.fetch_all(query.bind(user_id.to_i64()).bind(day)).await?;
        let seen = |(ad_id, count)| AdImpressions { ad_id: AdId::from_i64(ad_id), user_id, count: small(count) };
        Ok(rows.into_iter().map(seen).collect())
    }

    async fn add_impressions(&self, day: i64, impressions: &[AdImpressions]) -> StoreResult<()> {
        // One row per key, in the order of the keys: a statement may touch no row twice, and two that add to
        // the same rows take them in the same order.
        let mut by_user = BTreeMap::<(i64, i64), i64>::new();
        let mut by_ad = BTreeMap::<i64, i64>::new();
        for seen in impressions {
            *by_user.entry((seen.user_id.to_i64(), seen.ad_id.to_i64())).or_default() += i64::from(seen.count);
            *by_ad.entry(seen.ad_id.to_i64()).or_default() += i64::from(seen.count);
        }
        let (keys, counts): (Vec<(i64, i64)>, Vec<i64>) = by_user.into_iter().unzip();
        let (users, ads): (Vec<i64>, Vec<i64>) = keys.into_iter().unzip();
        let (day_ads, day_counts): (Vec<i64>, Vec<i64>) = by_ad.into_iter().unzip();
        let add = sqlx::query(
            "WITH by_user AS (
                 INSERT INTO ad_impressions (user_id, day, ad_id, count)
                 SELECT seen.user_id, $1, seen.ad_id, seen.count
                 FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS seen (user_id, ad_id, count)
                 ON CONFLICT (user_id, day, ad_id) DO UPDATE SET count = ad_impressions.count + excluded.count)
             INSERT INTO ad_days (ad_id, day, impressions)
             SELECT shown.ad_id, $1, shown.count FROM unnest($5::bigint[], $6::bigint[]) AS shown (ad_id, count)
             ON CONFLICT (ad_id, day) DO UPDATE SET impressions = ad_days.impressions + excluded.impressions",
        );
        let add = add.bind(day).bind(users).bind(ads).bind(counts).bind(day_ads).bind(day_counts);
        self.front.execute(add).await.map(|_| ())
    }
}
