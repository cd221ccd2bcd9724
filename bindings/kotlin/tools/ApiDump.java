import static kotlinx.validation.api.KotlinSignaturesLoadingKt.dump;
import static kotlinx.validation.api.KotlinSignaturesLoadingKt.filterOutNonPublic;
import static kotlinx.validation.api.KotlinSignaturesLoadingKt.loadApiFromJvmClasses;

import java.util.List;
import java.util.jar.JarFile;
import java.util.regex.Pattern;

/** Prints the public Kotlin API of a jar, less what the bridge's own machinery makes public. */
class ApiDump {
    private static final Pattern MACHINERY =
            Pattern.compile("class [\\w/$]*(FfiConverter|Uniff|UniFF|RustBuffer|ForeignBytes|NoHandle|Disposable)");

    public static void main(String[] arguments) throws Exception {
        try (var jar = new JarFile(arguments[0])) {
            var all = loadApiFromJvmClasses(jar, name -> true);
            var api = dump(filterOutNonPublic(all, List.of(), List.of()), new StringBuilder()).toString();
            for (var type : api.split("(?<=\n}\n\n)")) {
                if (!MACHINERY.matcher(type.lines().findFirst().orElse("")).find()) System.out.print(type);
            }
        }
    }
}
