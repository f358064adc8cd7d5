//! The OpenAPI document's head, and what is the same for every operation.

use crate::problem::ProblemBody;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        ContentBuilder, Ref, ResponseBuilder,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

/// The head of the public document. Paths and schemas join it where routes are mounted.
#[derive(OpenApi)]
#[openapi(
    info(title = "Tessera", description = "A photo feed: accounts, uploads, feeds, posts and notifications."),
    components(schemas(ProblemBody)),
    security(("bearer" = [])),
    modifiers(&BearerScheme),
)]
pub(crate) struct DocumentHead;

/// The head of the operators' document.
#[derive(OpenApi)]
#[openapi(
    info(title = "Tessera, operators", description = "Health, metrics and administration of a node."),
    components(schemas(ProblemBody)),
    security(("bearer" = [])),
    modifiers(&BearerScheme),
)]
pub(crate) struct OperatorsHead;

struct BearerScheme;

impl Modify for BearerScheme {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document.components.get_or_insert_default().add_security_scheme("bearer", scheme);
    }
}

/// Gives every operation its `default` response: a problem.
pub(crate) fn add_problems(document: &mut utoipa::openapi::OpenApi) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let problem = ResponseBuilder::new()
        .description("A problem (RFC 9457); its `code` is stable")
        .content("application/problem+json", content)
        .build();
    for item in document.paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch, &mut item.head];
        for operation in operations.into_iter().flatten() {
            operation.responses.responses.insert("default".to_owned(), problem.clone().into());
        }
    }
}
