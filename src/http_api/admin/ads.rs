//! `GET /admin/ads`, `POST /admin/ads`

use crate::{
    EdgeResult,
    extract::{Json, Limit, Query},
    present::Rfc3339,
};
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tessera_app::{
    App,
    operators::{AdSpend, NewAd},
};
use tessera_domain::{AdId, PostId, ads::Ad};
use utoipa::{IntoParams, ToSchema};

/// Which campaigns.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct AdsQuery {
    /// Only those whose window is open.
    active: bool,
    /// At most so many.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
}

/// A campaign to be started.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Campaign {
    /// The post to promote.
    #[schema(value_type = String)]
    post_id: PostId,
    /// Shown from then on; now, where missing.
    #[schema(value_type = Option<String>, format = DateTime)]
    starts_at: Option<Rfc3339>,
    /// Not shown from then on.
    #[schema(value_type = String, format = DateTime)]
    ends_at: Rfc3339,
    /// Most impressions per UTC day, over all users.
    daily_budget: u64,
    /// Most impressions per UTC day to one user.
    frequency_cap: u32,
}

/// A campaign.
#[derive(Serialize, ToSchema)]
#[schema(as = Ad)]
pub(super) struct AdBody {
    /// Its id.
    #[schema(value_type = String)]
    id: AdId,
    /// The promoted post.
    #[schema(value_type = String)]
    post_id: PostId,
    /// Shown from then on.
    #[schema(value_type = String, format = DateTime)]
    starts_at: Rfc3339,
    /// Not shown from then on.
    #[schema(value_type = String, format = DateTime)]
    ends_at: Rfc3339,
    /// Most impressions per UTC day, over all users.
    daily_budget: u64,
    /// Most impressions per UTC day to one user.
    frequency_cap: u32,
    /// Impressions today (UTC).
    impressions_today: u64,
}

impl AdBody {
    fn new(ad: Ad, impressions_today: u64) -> Self {
        Self {
            id: ad.id,
            post_id: ad.post_id,
            starts_at: Rfc3339(ad.starts_at),
            ends_at: Rfc3339(ad.ends_at),
            daily_budget: ad.daily_budget,
            frequency_cap: ad.frequency_cap,
            impressions_today,
        }
    }
}

/// Campaigns.
#[derive(Serialize, ToSchema)]
pub(super) struct Ads {
    /// Newest first.
    items: Vec<AdBody>,
}

/// Campaigns, newest first, with what was spent today.
#[utoipa::path(get, path = "/admin/ads", tag = "ads", params(AdsQuery),
    responses((status = 200, description = "Campaigns", body = Ads)))]
pub(super) async fn list_ads(State(app): State<Arc<App>>, Query(query): Query<AdsQuery>) -> EdgeResult<Json<Ads>> {
    let ads = app.operators.list_ads(query.active, query.limit.0).await?;
    let items = ads.into_iter().map(|AdSpend { ad, impressions_today, .. }| AdBody::new(ad, impressions_today));
    Ok(Json(Ads { items: items.collect() }))
}

/// Starts a campaign for a post.
#[utoipa::path(post, path = "/admin/ads", tag = "ads", request_body = Campaign,
    responses((status = 201, description = "The campaign", body = AdBody)))]
pub(super) async fn create_ad(
    State(app): State<Arc<App>>,
    Json(body): Json<Campaign>,
) -> EdgeResult<(StatusCode, Json<AdBody>)> {
    let new = NewAd {
        post_id: body.post_id,
        starts_at: body.starts_at.map(|time| time.0),
        ends_at: body.ends_at.0,
        daily_budget: body.daily_budget,
        frequency_cap: body.frequency_cap,
    };
    Ok((StatusCode::CREATED, Json(AdBody::new(app.operators.create_ad(new).await?, 0))))
}
