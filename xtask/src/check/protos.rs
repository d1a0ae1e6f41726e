//! Proto rules: every service, RPC, message, field, oneof, enum and value has a comment; every RPC has its policy and its
//! own request and response; packages, services and enums are named as everywhere. buf checks more, where it is there.

use std::collections::HashSet;

use prost::Message;
use prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet, ServiceDescriptorProto,
};

/// Numbers of descriptor.proto by which source_code_info names a place.
const FILE_MESSAGE: i32 = 4;
const FILE_ENUM: i32 = 5;
const FILE_SERVICE: i32 = 6;
const MESSAGE_FIELD: i32 = 2;
const MESSAGE_NESTED: i32 = 3;
const MESSAGE_ENUM: i32 = 4;
const MESSAGE_ONEOF: i32 = 8;
const CHILD: i32 = 2;

/// Every fault of the proto rules.
pub(super) fn check() -> Vec<String> {
    let mut faults = Vec::new();
    match FileDescriptorSet::decode(entente_proto::FILE_DESCRIPTOR_SET) {
        Ok(set) => {
            for file in set.file.iter().filter(|file| file.package().starts_with("entente.")) {
                faults.extend(File::new(file).faults());
            }
        }
        Err(error) => faults.push(format!("the descriptor set does not decode: {error}")),
    }
    let services = service_names();
    let names: Vec<&str> = services.iter().map(String::as_str).collect();
    if let Err(error) =
        entente_chassis::policy::Policies::from_descriptors(entente_proto::FILE_DESCRIPTOR_SET, &names)
    {
        faults.push(format!("RPC policies: {error}"));
    }
    faults
}

/// Full names of every service of the mesh.
pub(super) fn service_names() -> Vec<String> {
    let set = FileDescriptorSet::decode(entente_proto::FILE_DESCRIPTOR_SET).unwrap_or_default();
    set.file
        .iter()
        .filter(|file| file.package().starts_with("entente."))
        .flat_map(|file| file.service.iter().map(|service| format!("{}.{}", file.package(), service.name())))
        .collect()
}

struct File<'a> {
    file: &'a FileDescriptorProto,
    commented: HashSet<&'a [i32]>,
}

impl<'a> File<'a> {
    fn new(file: &'a FileDescriptorProto) -> Self {
        let locations = file.source_code_info.iter().flat_map(|info| &info.location);
        let commented = locations
            .filter(|location| !location.leading_comments().trim().is_empty())
            .map(|location| location.path.as_slice())
            .collect();
        File { file, commented }
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let folder =
            self.file.name().rsplit_once('/').map(|(folder, _)| folder.replace('/', ".")).unwrap_or_default();
        if folder != self.file.package() {
            faults.push(format!("{}: package {} is not its folder", self.file.name(), self.file.package()));
        }
        for (index, message) in indexed(&self.file.message_type) {
            self.message(message, &[FILE_MESSAGE, index], &mut faults);
        }
        for (index, declared) in indexed(&self.file.enum_type) {
            self.declared(declared, &[FILE_ENUM, index], &mut faults);
        }
        for (index, service) in indexed(&self.file.service) {
            self.service(service, &[FILE_SERVICE, index], &mut faults);
        }
        faults
    }

    fn message(&self, message: &DescriptorProto, path: &[i32], faults: &mut Vec<String>) {
        if message.options.as_ref().is_some_and(|options| options.map_entry()) {
            return;
        }
        self.comment(path, message.name(), faults);
        for (index, field) in indexed(&message.field) {
            let name = format!("{}.{}", message.name(), field.name());
            self.comment(&extend(path, MESSAGE_FIELD, index), &name, faults);
        }
        for (index, oneof) in indexed(&message.oneof_decl) {
            // `optional` fields stand in a oneof of their own making, which nobody wrote.
            let number = Some(index);
            if !message.field.iter().any(|field| field.oneof_index == number && field.proto3_optional()) {
                let name = format!("{}.{}", message.name(), oneof.name());
                self.comment(&extend(path, MESSAGE_ONEOF, index), &name, faults);
            }
        }
        for (index, nested) in indexed(&message.nested_type) {
            self.message(nested, &extend(path, MESSAGE_NESTED, index), faults);
        }
        for (index, declared) in indexed(&message.enum_type) {
            self.declared(declared, &extend(path, MESSAGE_ENUM, index), faults);
        }
    }

    fn declared(&self, declared: &EnumDescriptorProto, path: &[i32], faults: &mut Vec<String>) {
        self.comment(path, declared.name(), faults);
        let prefix = upper_snake(declared.name());
        if declared.value.first().map(|value| value.name()) != Some(&format!("{prefix}_UNSPECIFIED")) {
            faults.push(format!(
                "{}: the zero of {} is not {prefix}_UNSPECIFIED",
                self.file.name(),
                declared.name()
            ));
        }
        for value in declared.value.iter().filter(|value| !value.name().starts_with(&prefix)) {
            faults.push(format!("{}: {} does not start with {prefix}", self.file.name(), value.name()));
        }
        for (index, value) in indexed(&declared.value) {
            self.comment(&extend(path, CHILD, index), value.name(), faults);
        }
    }

    fn service(&self, service: &ServiceDescriptorProto, path: &[i32], faults: &mut Vec<String>) {
        self.comment(path, service.name(), faults);
        if !service.name().ends_with("Service") {
            faults.push(format!("{}: {} does not end in `Service`", self.file.name(), service.name()));
        }
        for (index, method) in indexed(&service.method) {
            let name = format!("{}.{}", service.name(), method.name());
            self.comment(&extend(path, CHILD, index), &name, faults);
            for (kind, used) in [("Request", method.input_type()), ("Response", method.output_type())] {
                if !used.ends_with(&format!(".{}{kind}", method.name())) {
                    faults.push(format!("{}: {name} does not have its own {kind}", self.file.name()));
                }
            }
        }
    }

    fn comment(&self, path: &[i32], name: &str, faults: &mut Vec<String>) {
        if !self.commented.contains(path) {
            faults.push(format!("{}: {name} has no comment", self.file.name()));
        }
    }
}

/// `CallerKind` as the prefix of its values: `CALLER_KIND`.
fn upper_snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_uppercase());
    }
    snake
}

fn indexed<T>(items: &[T]) -> impl Iterator<Item = (i32, &T)> {
    (0_i32..).zip(items)
}

fn extend(path: &[i32], kind: i32, index: i32) -> Vec<i32> {
    let mut path = path.to_vec();
    path.extend([kind, index]);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_comment_or_a_wrong_name_is_found() {
        let file = FileDescriptorProto {
            name: Some("entente/x/v1/x.proto".to_owned()),
            package: Some("entente.y.v1".to_owned()),
            message_type: vec![DescriptorProto {
                name: Some("Thing".to_owned()),
                ..DescriptorProto::default()
            }],
            enum_type: vec![EnumDescriptorProto {
                name: Some("Kind".to_owned()),
                ..EnumDescriptorProto::default()
            }],
            service: vec![ServiceDescriptorProto {
                name: Some("Things".to_owned()),
                ..ServiceDescriptorProto::default()
            }],
            ..FileDescriptorProto::default()
        };
        // Package, three comments, the zero of the enum, the name of the service.
        assert_eq!(File::new(&file).faults().len(), 6);
    }

    #[test]
    fn the_protos_of_the_mesh_keep_the_rules() {
        assert_eq!(check(), Vec::<String>::new());
        assert_eq!(upper_snake("CallerKind"), "CALLER_KIND");
    }
}
