package com.fieldsync

import java.net.URI
import java.net.URLEncoder
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import java.nio.file.Files
import java.nio.file.Path
import java.util.UUID
import java.util.concurrent.TimeUnit

/** Where `build.sh` put what it built, and where the repository lies. */
object Built {
    val server: Path = Path.of(System.getProperty("fieldsync.native"), "fieldsync-server")
    val technician: Path = Path.of(System.getProperty("fieldsync.native"), "technician")
    val repository: Path = Path.of(System.getProperty("fieldsync.repository")).normalize()
}

/** Runs a program to its end and returns what it printed. */
fun run(
    vararg command: String,
    input: String = "",
): String {
    val errors = Files.createTempFile("fieldsync", ".err")
    val process = ProcessBuilder(*command).redirectError(errors.toFile()).start()
    process.outputStream.use { it.write(input.toByteArray()) }
    val output = process.inputStream.readAllBytes().decodeToString()
    check(process.waitFor(180, TimeUnit.SECONDS)) { "${command.first()} does not end" }
    check(process.exitValue() == 0) { "${command.joinToString(" ")}: ${Files.readString(errors)}" }
    Files.delete(errors)
    return output
}

/** A real office: the shipped server in a folder of its own, on a free port, ended with the test. */
class Office : AutoCloseable {
    private val folder: Path = Files.createTempDirectory("fieldsync-office")
    private val http = HttpClient.newHttpClient()
    private val process: Process
    private var cookie = ""

    val url: String
    val port: Int get() = URI(url).port

    init {
        cli("user", "add", LOGIN, "--name", "Ines Duarte", "--password-stdin", input = PASSWORD)
        val serve = ProcessBuilder(Built.server.toString(), "serve", "--data", "$folder", "--listen", "127.0.0.1:0")
        process = serve.redirectError(folder.resolve("log").toFile()).start()
        val line = process.inputReader().readLine() ?: error(Files.readString(folder.resolve("log")))
        url = Regex("http://[0-9.:]+").find(line)!!.value
    }

    /** Runs a command of the server beside the running one. */
    fun cli(
        vararg arguments: String,
        input: String = "",
    ): String = run(Built.server.toString(), *arguments, "--data", "$folder", input = input).trim()

    /** A new technician's id. */
    fun technician(name: String): UUID = UUID.fromString(cli("technician", "add", name))

    /** A one-time code for a device of [technician]. */
    fun code(technician: UUID): String = cli("enrol", "$technician", "--code-only")

    /** Imports work orders nobody is assigned to: lines of `number;customer;site;asset;problem`. */
    fun import(lines: Sequence<String>) {
        val file = folder.resolve("orders.csv")
        Files.writeString(file, (sequenceOf("order number;customer;site;asset;problem") + lines).joinToString("\n"))
        cli("import", "$file")
    }

    /** A new work order, entered by a dispatcher at the console and assigned to [technician]. */
    fun order(
        problem: String,
        technician: UUID?,
        customer: String = "Quarry North",
        site: String = "Pit 3",
        asset: String = "Excavator B",
    ): UUID {
        val entered =
            mapOf(
                "customer" to customer,
                "phone" to "",
                "site" to site,
                "street" to "",
                "asset" to asset,
                "problem" to problem,
                "instructions" to "",
                "due" to "",
                "priority" to "high",
                "category" to "a_paid",
                "technician" to (technician?.toString() ?: ""),
            )
        val answer = post("/jobs/new", entered)
        val place = answer.headers().firstValue("location").orElseThrow { IllegalStateException(answer.body()) }
        return UUID.fromString(place.substringAfter("/jobs/").substringBefore("?"))
    }

    /** Assigns an order to exactly this technician: whoever had it loses it. */
    fun dispatch(
        order: UUID,
        technician: UUID,
    ) {
        val page = get("/jobs/$order/dispatch")
        val version = Regex("name=\"version\" value=\"([^\"]*)\"").find(page)?.groupValues?.get(1) ?: ""
        post("/jobs/$order/dispatch", mapOf("technician" to "$technician", "version" to version, "start" to ""))
    }

    /** Assigns orders that nobody has yet, without looking at each page. */
    fun dispatchNew(
        orders: List<UUID>,
        technician: UUID,
    ) = orders.parallelStream().forEach {
        post("/jobs/$it/dispatch", mapOf("technician" to "$technician", "version" to "", "start" to ""))
    }

    /** The ids of all orders, read from the board. */
    fun orders(): List<UUID> {
        val found = LinkedHashSet<UUID>()
        var page = 1
        while (true) {
            val links = ORDER.findAll(get("/board?sort=number&page=${page++}"))
            if (!found.addAll(links.map { UUID.fromString(it.groupValues[1]) })) return found.toList()
        }
    }

    /** A page of the console. */
    fun get(path: String): String = send(HttpRequest.newBuilder(URI(url + path)).GET()).body()

    private fun post(
        path: String,
        form: Map<String, String>,
    ): HttpResponse<String> {
        val body = form.entries.joinToString("&") { (name, value) -> "$name=${URLEncoder.encode(value, Charsets.UTF_8)}" }
        val request = HttpRequest.newBuilder(URI(url + path)).POST(HttpRequest.BodyPublishers.ofString(body))
        val answer = send(request.header("content-type", "application/x-www-form-urlencoded"))
        check(answer.statusCode() == 303) { "$path: ${answer.statusCode()} ${answer.body()}" }
        return answer
    }

    private fun send(request: HttpRequest.Builder): HttpResponse<String> {
        if (cookie.isEmpty()) signIn()
        return http.send(request.header("origin", url).header("cookie", cookie).build(), TEXT)
    }

    @Synchronized
    private fun signIn() {
        if (cookie.isNotEmpty()) return
        val form = HttpRequest.BodyPublishers.ofString("name=$LOGIN&password=$PASSWORD")
        val request = HttpRequest.newBuilder(URI("$url/login")).header("origin", url).POST(form)
        val answer = http.send(request.header("content-type", "application/x-www-form-urlencoded").build(), TEXT)
        cookie =
            answer
                .headers()
                .firstValue("set-cookie")
                .orElseThrow()
                .substringBefore(";")
    }

    override fun close() {
        process.destroy()
        process.waitFor()
        folder.toFile().deleteRecursively()
    }

    private companion object {
        val ORDER = Regex("/jobs/([0-9a-f-]{36})")
        const val LOGIN = "ines"
        const val PASSWORD = "correct-horse-battery"
        val TEXT: HttpResponse.BodyHandler<String> = HttpResponse.BodyHandlers.ofString()
    }
}
