import com.fieldsync.core.AnchorStore
import com.fieldsync.core.Device
import com.fieldsync.core.FieldsyncException
import com.fieldsync.core.OpenOptions
import com.fieldsync.live
import com.fieldsync.reason
import com.fieldsync.sync
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import java.io.File

/** Uses every way across the bridge once: records, objects, a callback with a value, a flow, a coroutine, errors. */
fun main(arguments: Array<String>) {
    val folder = File(arguments[0])
    var kept: ByteArray? = null
    val anchor =
        object : AnchorStore {
            override fun load(): ByteArray? = kept

            override fun save(value: ByteArray) {
                kept = value
            }
        }
    Device.open(OpenOptions(dir = File(folder, "store").path), anchor).use { device ->
        check(device.status().records == 0u)
        check(kept != null) { "the engine did not use the anchor" }
        runBlocking {
            check(device.live { status().pending }.first() == 0u)
            try {
                device.sync { }
                error("it is not enrolled")
            } catch (error: FieldsyncException.SignIn) {
                check(error.reason.startsWith("Failed to"))
            }
        }
    }
    println("SMOKE OK")
}
