//! Advertisements and what was shown of them.

use super::{Dialect, Pool, Scope, SqlLedger, rows::*};
use async_trait::async_trait;
use std::collections::BTreeMap;
use tessera_domain::{AdId, Timestamp, UserId, ads::Ad};
use tessera_ports::{
    StoreResult,
    ledger::{AdImpressions, AdLedger, AdSpend},
};

#[async_trait]
impl<D: Dialect> AdLedger for SqlLedger<D> {
    async fn put_ad(&self, ad: Ad) -> StoreResult<bool> {
        let upsert = sql!(
            "INSERT INTO ads (id, post_id, starts_at, ends_at, daily_budget, frequency_cap)
             SELECT $1, id, $3, $4, $5, $6 FROM posts WHERE id = $2
             ON CONFLICT (id) DO UPDATE SET post_id = excluded.post_id, starts_at = excluded.starts_at,
                 ends_at = excluded.ends_at, daily_budget = excluded.daily_budget,
                 frequency_cap = excluded.frequency_cap"
        );
        let upsert = upsert.bind(ad.id).bind(ad.post_id).bind(ad.starts_at).bind(ad.ends_at);
        Ok(self.requests.execute(upsert.bind(signed(ad.daily_budget)).bind(ad.frequency_cap)).await? == 1)
    }

    async fn ads(&self, now: Timestamp, active_only: bool, limit: usize) -> StoreResult<Vec<AdSpend>> {
        let query = sql!(
            "SELECT a.*, p.author_id, coalesce(d.impressions, 0) AS impressions
             FROM ads a JOIN posts p ON p.id = a.post_id
             LEFT JOIN ad_days d ON d.ad_id = a.id AND d.day = $2
             WHERE NOT $3 OR a.starts_at <= $1 AND a.ends_at > $1 ORDER BY a.id DESC LIMIT $4"
        );
        let query = query.bind(now).bind(now.utc_day()).bind(active_only).bind(limit);
        self.requests.fetch_all(query, AdRow::into_spend).await
    }

    async fn impressions_of(&self, user_id: UserId, day: i64) -> StoreResult<Vec<AdImpressions>> {
        let query = sql!("SELECT ad_id, count FROM ad_impressions WHERE user_id = $1 AND day = $2");
        let seen =
            |(ad_id, count): (i64, i64)| AdImpressions { ad_id: AdId::from_i64(ad_id), user_id, count: small(count) };
        self.requests.fetch_all(query.bind(user_id).bind(day), seen).await
    }

    async fn add_impressions(&self, day: i64, impressions: &[AdImpressions]) -> StoreResult<()> {
        // One row per key, in the order of the keys: a statement may touch no row twice, and two that add to
        // the same rows take them in the same order.
        let mut by_user = BTreeMap::<(UserId, AdId), i64>::new();
        let mut by_ad = BTreeMap::<AdId, i64>::new();
        for seen in impressions {
            *by_user.entry((seen.user_id, seen.ad_id)).or_default() += i64::from(seen.count);
            *by_ad.entry(seen.ad_id).or_default() += i64::from(seen.count);
        }
        let added = Added { day, by_user, by_ad };
        self.requests.transact(added, |scope, added| Box::pin(add_impressions(scope, added))).await
    }
}

struct Added {
    day: i64,
    by_user: BTreeMap<(UserId, AdId), i64>,
    by_ad: BTreeMap<AdId, i64>,
}

async fn add_impressions<S: Scope>(scope: &mut S, added: &Added) -> StoreResult<()> {
    let by_user = sql!(
        "INSERT INTO ad_impressions (user_id, day, ad_id, count)
         SELECT seen.user_id, $1, seen.ad_id, seen.count
         FROM " [rows "$2" "$3" "$4" as "seen" ("user_id" "ad_id" "count")] " WHERE true
         ON CONFLICT (user_id, day, ad_id) DO UPDATE SET count = ad_impressions.count + excluded.count"
    );
    let users: Vec<UserId> = added.by_user.keys().map(|(user_id, _)| *user_id).collect();
    let ads: Vec<AdId> = added.by_user.keys().map(|(_, ad_id)| *ad_id).collect();
    let counts: Vec<i64> = added.by_user.values().copied().collect();
    scope.execute(by_user.bind(added.day).bind_rows([users.into(), ads.into(), counts.into()])).await?;
    let by_ad = sql!(
        "INSERT INTO ad_days (ad_id, day, impressions)
         SELECT shown.ad_id, $1, shown.count FROM " [rows "$2" "$3" as "shown" ("ad_id" "count")] " WHERE true
         ON CONFLICT (ad_id, day) DO UPDATE SET impressions = ad_days.impressions + excluded.impressions"
    );
    let ads: Vec<AdId> = added.by_ad.keys().copied().collect();
    let counts: Vec<i64> = added.by_ad.values().copied().collect();
    scope.execute(by_ad.bind(added.day).bind_rows([ads.into(), counts.into()])).await.map(drop)
}
