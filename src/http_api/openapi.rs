//! The OpenAPI document's head, and what is the same for every operation.

use crate::problem::ProblemBody;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        ContentBuilder, ObjectBuilder, Ref, Required, ResponseBuilder, Type,
        path::{ParameterBuilder, ParameterIn},
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

/// Gives every write that is not harmless to repeat by itself the header that makes it so.
pub(crate) fn add_idempotency_keys(document: &mut utoipa::openapi::OpenApi) {
    let key = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "1 to 255 visible ASCII characters, chosen by the client. For 24 hours a repetition with the same key gets the first \
             reply again, with `idempotent-replayed: true`; another request with it gets 422",
        ))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255))))
        .build();
    // A search is sent as a POST for its picture, and writes nothing.
    let writes = document.paths.paths.iter_mut().filter(|(path, _)| !path.starts_with("/v1/search/"));
    for (_, item) in writes {
        for operation in [&mut item.post, &mut item.patch].into_iter().flatten() {
            operation.parameters.get_or_insert_default().push(key.clone().into());
        }
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
