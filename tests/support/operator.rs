//! The operators' listener, as an operator uses it.

use crate::{Api, Node, Problem};
use reqwest::Method;
use serde_json::{Value, json};

/// An operator of one node.
#[derive(Clone)]
pub struct Operator {
    api: Api,
    token: String,
}

impl Operator {
    /// The operator of `node`.
    pub fn of(node: &Node) -> Self {
        Self { api: Api::new(&node.admin), token: node.admin_token() }
    }

    /// The listener, without a token.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// GET with the token.
    pub async fn get(&self, path: &str) -> Result<Value, Problem> {
        self.api.call(Method::GET, path, Some(&self.token), None).await
    }

    /// POST with the token and perhaps a body.
    pub async fn post(&self, path: &str, body: Option<Value>) -> Result<Value, Problem> {
        self.api.call(Method::POST, path, Some(&self.token), body).await
    }

    /// Kills an actor such as `timeline:42`; whether it was active.
    pub async fn kill(&self, target: &str) -> bool {
        match self.post("/admin/chaos", Some(json!({ "kill": target }))).await {
            Ok(_) => true,
            Err(problem) if problem.code == "not_found" => false,
            Err(problem) => panic!("{target}: {problem:?}"),
        }
    }

    /// The metrics, as Prometheus reads them.
    pub async fn metrics(&self) -> String {
        self.api.fetch(&self.api.url("/metrics"), &[]).await.text()
    }

    /// The sum of a metric over its labels; `None` where it is missing.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        let text = self.metrics().await;
        let named = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
        let values: Vec<f64> =
            text.lines().filter(named).filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }
}
